# Load tests and benchmarks. BASE_URL: what to test; the pipeline of `make run` by default.
BASE_URL ?= http://localhost:8080
ROWS ?= 100 200 300
PACES ?= paced fast
# GOGC: k6 shares the machine with what it measures, and collecting garbage less often takes a tenth off its CPU time.

.PHONY: loadtest
loadtest: setup ## the published benchmark against BASE_URL (ROWS="300" PACES="fast")
	@mkdir -p loadtests/results
	@failed=0; for pace in $(PACES); do for row in $(ROWS); do \
	  result=loadtests/results/benchmark-$${row}x$$row-$$pace.json; rm -f $$result; \
	  GOGC=400 k6 run --quiet --no-usage-report -e BASE_URL="$(BASE_URL)" -e ROW=$$row -e PACE=$$pace loadtests/benchmark.js || failed=1; \
	  test -s $$result || { echo "k6 wrote no $$result" >&2; failed=1; }; \
	done; done; exit $$failed

.PHONY: bench
bench: setup ## the figures P1 to P8 on a pipeline of its own (ONLY=P4, QUICK=1, RECORD=1)
	@PYTHONPATH="$$PWD/loadtests" python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick) $(if $(RECORD),--record) $(OPTIONS)

.PHONY: bench-growth
bench-growth: setup ## how cost grows with stored clicks, ads, partitions and consumers (8 minutes)
	@PYTHONPATH="$$PWD/loadtests" python -m bench.growth

.PHONY: bench-charts
bench-charts: setup ## draw the charts of docs/benchmarks.md from the last full bench and the last growth
	@PYTHONPATH="$$PWD/loadtests" python -m bench.charts

.PHONY: faults-kafka
faults-kafka: setup ## freeze and kill Kafka 100 times under load; a table of what became of the clicks (OPTIONS='--freezes 4 --kills 4')
	@PYTHONPATH="$$PWD/loadtests:$$PWD/tests" python -m kafkafaults $(OPTIONS)

.PHONY: acceptance
acceptance: setup ## CLICKS=10000000 random clicks that ingest accepts: PostgreSQL has to store each as it was meant
	@PYTHONPATH="$$PWD/loadtests" python -m acceptance $(if $(CLICKS),--clicks $(CLICKS)) $(OPTIONS)
