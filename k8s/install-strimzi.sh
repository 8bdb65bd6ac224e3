#!/usr/bin/env bash
# Installs the Strimzi operator at a pinned version into the current cluster: k8s/install-strimzi.sh [NAMESPACE TO WATCH]
set -euo pipefail
STRIMZI_VERSION=1.2.0
watched=${1:-ads}

kubectl get namespace strimzi >/dev/null 2>&1 || kubectl create namespace strimzi
kubectl get namespace "$watched" >/dev/null 2>&1 || kubectl create namespace "$watched"
helm upgrade --install strimzi oci://quay.io/strimzi-helm/strimzi-kafka-operator --version "$STRIMZI_VERSION" \
  --namespace strimzi --set "watchNamespaces={$watched}" --wait --timeout 5m
kubectl wait --for=condition=Established --timeout=60s crd/kafkas.kafka.strimzi.io crd/kafkanodepools.kafka.strimzi.io \
  crd/kafkatopics.kafka.strimzi.io crd/kafkausers.kafka.strimzi.io
echo "Strimzi $STRIMZI_VERSION watches namespace $watched. Next:"
echo "  helm install ads-click-tracking charts/ads-click-tracking --namespace $watched --values charts/ads-click-tracking/values-kind.yaml \\"
echo "    --set kafka.mode=strimzi --set kafka.external.bootstrapServers= --wait --timeout 10m"
