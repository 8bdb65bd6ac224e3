#!/usr/bin/env bash
# Locks what each image and the development environment install, with hashes. Run by `make lock`.
set -euo pipefail
cd "$(dirname "$0")/.."
own=(adclicks-common adclicks-ingest adclicks-consumer adclicks-analytics adclicks-lagscaler adclicks-local)
skip=("${own[@]/#/--no-emit-package=}")
lock() {
  local name=$1
  shift
  uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 \
    "${skip[@]}" ${UPGRADE:+--upgrade} --output-file "requirements/$name.txt" "$@"
}
everything=(services/*/pyproject.toml requirements/development.in)
lock development "${everything[@]}"
# The images take the versions that the tests ran with.
for service in ingest consumer analytics operator; do
  lock "$service" --constraint requirements/development.txt "services/$service/pyproject.toml"
done
