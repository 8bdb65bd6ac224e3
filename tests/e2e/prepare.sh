#!/usr/bin/env bash
# Prints the environment that the tests need, as `export` lines: images built and loaded into the current cluster. Where the
# test cluster of a sibling folder exists and no cluster is chosen, it is started and used.
set -euo pipefail
cd "$(dirname "$0")/../.."
testcluster=../shared/testcluster/testcluster
tools=$(k8s/tools.sh helm helm3 kube-score promtool)
echo "export PATH=$tools:\$PATH"
if [ -z "${KUBECONFIG:-}" ] && [ ! -e "$HOME/.kube/config" ] && [ -x "$testcluster" ]; then
  KUBECONFIG=$("$testcluster" kubeconfig)
  # Not twice: `up` writes its files anew, and kube-proxy ends when its own changes under it.
  kubectl --kubeconfig "$KUBECONFIG" --request-timeout 5s get --raw /readyz >/dev/null 2>&1 || "$testcluster" up >&2
fi
export KUBECONFIG=${KUBECONFIG:-$HOME/.kube/config}
echo "export KUBECONFIG=$KUBECONFIG"
if [ "$(kubectl config current-context)" = testcluster ]; then
  # It can't pull: stand-ins for the images of others are made from packages.
  "$testcluster" service-images >&2
  export BUILD_FLAGS=${BUILD_FLAGS:---network host} LOAD_IMAGES=${LOAD_IMAGES:-$testcluster load}
  export DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0}
  docker build --quiet --network host --tag nginx:1.28 tests/e2e/images/nginx >&2
  "$testcluster" load nginx:1.28 >&2
fi
for tag in dev next; do
  k8s/images.sh build "$tag" >&2
  k8s/images.sh load "$tag" >&2
done
