"""Drives the policy in discrete time, beside KEDA's rule and a CPU target, over the same traces and the same HPA.

traces.py says what happens, setup.py where, world.py is Kafka and the pods, hpa.py the HPA's algorithm, scalers.py what
feeds it, run.py the loop and the measures, compare.py who runs against whom, report.py and charts.py what is shown of
them. burst.py predicts what tests/e2e measures on real pods.
"""
