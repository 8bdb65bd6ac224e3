#!/usr/bin/env bash
# Fetches the tools that the chart's tests use, at pinned versions, built from source into a cache: `k8s/tools.sh helm helm3 …`
# prints the folder to put on PATH. Needs Go (and, for promtool, Debian's packages); a tool that is there is not built again.
set -euo pipefail

HELM3_VERSION=v3.21.4
HELM4_VERSION=v4.3.1
KUBE_SCORE_VERSION=v1.20.0

CACHE=${ADCLICKS_TOOLS:-$HOME/.cache/adclicks/bin}

build() { # build NAME VERSION PACKAGE [LDFLAGS]: NAME-VERSION in the cache, and NAME as a link to it
  local file="$CACHE/$1-$2"
  if [ ! -x "$file" ]; then
    command -v go >/dev/null || { echo "k8s/tools.sh: Go is needed to build $1 (https://go.dev/dl), or put $1 $2 in $CACHE yourself" >&2; exit 1; }
    echo "k8s/tools.sh: building $1 $2 (a few minutes, once)" >&2
    local folder
    folder=$(mktemp -d)
    GOBIN=$folder nice go install -ldflags "-s -w $(tr '\n' ' ' <<<"${4:-}")" "$3@$2" >&2
    mv "$folder"/* "$file"
    rmdir "$folder"
  fi
  ln -sf "$file" "$CACHE/$1"
}

# Without these, Helm would not know its own version, and Helm 3 would take Kubernetes for 1.20 where it has no cluster.
helm_flags() { # helm_flags MAJOR VERSION
  echo "-X helm.sh/helm/v$1/internal/version.version=$2"
  [ "$1" = 4 ] || echo "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=35"
}

promtool() {
  [ ! -x "$CACHE/promtool" ] || return 0
  if type -P promtool >/dev/null; then ln -sf "$(type -P promtool)" "$CACHE/promtool"; return; fi
  command -v apt-get >/dev/null || { echo "k8s/tools.sh: promtool is missing: https://prometheus.io/download" >&2; exit 1; }
  local folder
  folder=$(mktemp -d)
  chmod 777 "$folder"
  apt-cache show prometheus >/dev/null 2>&1 || apt-get update -qq >&2
  (cd "$folder" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb .) >&2
  mv "$folder/usr/bin/promtool" "$CACHE/promtool"
  rm -r "$folder"
}

mkdir -p "$CACHE"
for tool in "$@"; do
  case $tool in
    helm3) build helm3 "$HELM3_VERSION" helm.sh/helm/v3/cmd/helm "$(helm_flags 3 "$HELM3_VERSION")" ;;
    helm) build helm "$HELM4_VERSION" helm.sh/helm/v4/cmd/helm "$(helm_flags 4 "$HELM4_VERSION")" ;;
    kube-score) build kube-score "$KUBE_SCORE_VERSION" github.com/zegl/kube-score/cmd/kube-score ;;
    promtool) promtool ;;
    *) echo "k8s/tools.sh: no such tool: $tool (helm, helm3, kube-score, promtool)" >&2; exit 2 ;;
  esac
done
echo "$CACHE"
