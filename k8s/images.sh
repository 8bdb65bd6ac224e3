#!/usr/bin/env bash
# Builds the images, or puts them where the current cluster finds them:
#   k8s/images.sh build [TAG]     DOCKER=docker|podman|buildah   BUILD_FLAGS="--network host …"
#   k8s/images.sh load [TAG]      to kind and minikube by themselves; elsewhere LOAD_IMAGES="a command that takes image names"
#   k8s/images.sh names [TAG]
set -euo pipefail
cd "$(dirname "$0")/.."
DOCKER=${DOCKER:-docker}
tag=${2:-dev}

names() {
  local file
  for file in services/*/Dockerfile; do echo "ads-click-tracking/$(basename "$(dirname "$file")"):$tag"; done
}

build() {
  local file service
  for file in services/*/Dockerfile; do
    service=$(basename "$(dirname "$file")")
    # shellcheck disable=SC2086  # several flags are meant
    "$DOCKER" build ${BUILD_FLAGS:-} --file "$file" --tag "ads-click-tracking/$service:$tag" \
      --build-arg "VERSION=$tag" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
  done
}

load() {
  local context images
  context=$(kubectl config current-context)
  mapfile -t images < <(names)
  if [ -n "${LOAD_IMAGES:-}" ]; then
    # shellcheck disable=SC2086  # a command with arguments is meant
    $LOAD_IMAGES "${images[@]}"
  elif [[ $context == kind-* ]]; then
    kind load docker-image --name "${context#kind-}" "${images[@]}"
  elif [[ $context == minikube ]]; then
    minikube image load "${images[@]}"
  else
    echo "k8s/images.sh: don't know how to bring images to the cluster '$context': set LOAD_IMAGES to a command that takes image names," >&2
    echo "or push them to a registry and install the chart with --set image.registry=…" >&2
    exit 1
  fi
}

case "${1:-}" in
  build | load | names) "$1" ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
