{{/* Names and labels. The argument of the component helpers is a dict: root, component. */}}

{{/* At most 38 characters, so that names made of it stay within 63. A name that is cut ends in a digest: two that differ only in
what is cut off must not become one. */}}
{{- define "adclicks.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name)) -}}
{{- if gt (len $full) 38 -}}
{{- printf "%s-%s" ($full | trunc 32 | trimSuffix "-") ($full | sha256sum | trunc 5) -}}
{{- else -}}
{{- trimSuffix "-" $full -}}
{{- end -}}
{{- end -}}

{{- define "adclicks.componentName" -}}
{{- printf "%s-%s" (include "adclicks.fullname" .root) .component -}}
{{- end -}}

{{- define "adclicks.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* As one map: a key that is there twice is refused by kustomize and Flux. commonLabels go before all but the selector's. */}}
{{- define "adclicks.labels" -}}
{{- $labels := dict
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
  "app.kubernetes.io/part-of" "ads-click-tracking" -}}
{{- /* Strimzi copies labels to its pods: one that changes with each version of the chart would restart every broker. */}}
{{- if ne .component "kafka" }}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63) }}
{{- end }}
{{- mergeOverwrite $labels .root.Values.commonLabels (.labels | default dict) (include "adclicks.selector" . | fromYaml) | toYaml }}
{{- end -}}

{{/* The labels of a pod: the selector's, commonLabels, and its own. */}}
{{- define "adclicks.podLabels" -}}
{{- $own := dig "podLabels" dict (.values | default dict) -}}
{{- mergeOverwrite (dict) .root.Values.commonLabels $own (include "adclicks.selector" . | fromYaml) | toYaml }}
{{- end -}}

{{/* The metadata of an object: root, component; optionally name, annotations, labels. */}}
{{- define "adclicks.metadata" -}}
name: {{ .name | default (include "adclicks.componentName" .) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "adclicks.labels" . | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What holds data stays: for Helm, and for Argo CD, which does not know Helm's annotation. */}}
{{- define "adclicks.keep" -}}
helm.sh/resource-policy: keep
argocd.argoproj.io/sync-options: Prune=false,Delete=false
{{- end -}}

{{- define "adclicks.image" -}}
{{- $image := .image -}}
{{- $repository := $image.repository -}}
{{- if .root.Values.image.registry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .root.Values.image.registry) $repository -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository ($image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
