# Images, the chart, and clusters. Included by the Makefile.
CLUSTER ?= adclicks
NAMESPACE ?= ads
TAG ?= dev

.PHONY: images
images: ## build the four images (TAG=dev, DOCKER=docker, BUILD_FLAGS=…)
	k8s/images.sh build $(TAG)

.PHONY: chart-docs
chart-docs: setup ## write the chart's README and schema anew from values.yaml
	python charts/document_values.py

.PHONY: e2e
e2e: setup ## test the chart, and on the current cluster: install, upgrade under load, faults, uninstall
	@environment=$$(tests/e2e/prepare.sh) && eval "$$environment" && exec pytest -m 'chart or e2e' tests/chart tests/e2e

.PHONY: kind-up
kind-up: ## a kind cluster with everything on it, at http://localhost:8080
	@command -v kind >/dev/null || { echo "kind is missing: https://kind.sigs.k8s.io" >&2; exit 1; }
	@command -v helm >/dev/null || { echo "Helm is missing: https://helm.sh, or PATH=\$$(k8s/tools.sh helm):\$$PATH" >&2; exit 1; }
	kind get clusters | grep -qx $(CLUSTER) || kind create cluster --name $(CLUSTER) --config k8s/kind.yaml
	kubectl config use-context kind-$(CLUSTER)
	k8s/images.sh build $(TAG)
	k8s/images.sh load $(TAG)
	kubectl get namespace $(NAMESPACE) >/dev/null 2>&1 || kubectl create namespace $(NAMESPACE)
	kubectl --namespace $(NAMESPACE) apply --filename k8s/kafka.yaml
	helm upgrade --install ads-click-tracking charts/ads-click-tracking --namespace $(NAMESPACE) \
	  --values charts/ads-click-tracking/values-kind.yaml --set image.tag=$(TAG) --wait --timeout 5m

.PHONY: kind-down
kind-down: ## remove that cluster
	kind delete cluster --name $(CLUSTER)

.PHONY: dev
dev: ## develop on kind: a changed Python file is live without a rebuild (skaffold)
	@command -v skaffold >/dev/null || { echo "skaffold is missing: https://skaffold.dev" >&2; exit 1; }
	skaffold dev --profile kind
