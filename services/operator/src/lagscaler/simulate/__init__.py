"""Drives the policy in discrete time, beside KEDA's rule and a CPU target, over the same traces and the same HPA.

traces.py says what happens, world.py is Kafka and the pods, hpa.py the HPA's algorithm, scalers.py what feeds it,
run.py the loop and the measures, report.py and charts.py what is shown of them.
"""
