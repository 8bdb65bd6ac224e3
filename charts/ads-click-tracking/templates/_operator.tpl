{{/* What scales the consumers, for the LagAutoscaler and for the mode without one. */}}

{{- define "adclicks.lagAutoscaler" -}}
{{- $context := dict "root" . "component" "operator" -}}
{{- $security := include "adclicks.kafkaSecurity" $context | fromYaml -}}
{{- $scaling := .Values.autoscaling -}}
scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ include "adclicks.componentName" (dict "root" . "component" "consumer") }}}
kafka:
  bootstrapServers: {{ include "adclicks.kafkaAddress" . | quote }}
  topic: {{ .Values.kafka.topic | quote }}
  group: {{ .Values.consumer.group | quote }}
  securityProtocol: {{ $security.protocol }}
  {{- with $security.sasl }}
  sasl:
    mechanism: {{ upper .mechanism }}
    secret: {{ .secret }}
    {{- if .username }}
    username: {{ .username }}
    {{- else }}
    usernameKey: {{ .usernameKey }}
    {{- end }}
    passwordKey: {{ .passwordKey }}
  {{- end }}
  {{- if or $security.ca $security.client }}
  tls:
    {{- with $security.ca }}
    caSecret: {{ .secret }}
    caKey: {{ .key }}
    {{- end }}
    {{- with $security.client }}
    clientSecret: {{ .secret }}
    certificateKey: {{ .certificateKey }}
    keyKey: {{ .keyKey }}
    {{- end }}
  {{- end }}
minReplicas: {{ $scaling.minReplicas }}
maxReplicas: {{ $scaling.maxReplicas }}
ratePerConsumer: {{ $scaling.ratePerConsumer }}
drainSeconds: {{ $scaling.drainSeconds }}
utilizationPercent: {{ $scaling.utilizationPercent }}
startupSeconds: {{ $scaling.startupSeconds }}
holdSeconds: {{ $scaling.holdSeconds }}
membersPerReplica: {{ .Values.consumer.workers }}
metricsSource: {{ get (dict "external" "External" "custom" "Object" "keda" "KEDA") $scaling.provider }}
{{- with $scaling.behavior }}
behavior:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* For a scaler that is ours and not the operator's: as the operator completes a behavior, up in one step. */}}
{{- define "adclicks.scalingBehavior" -}}
{{- $policy := dict "type" "Pods" "value" (int .Values.autoscaling.maxReplicas) "periodSeconds" 15 -}}
{{- mergeOverwrite (dict "scaleUp" (dict "policies" (list $policy))) (deepCopy .Values.autoscaling.behavior) | toYaml -}}
{{- end -}}

{{/* The secrets that are read through the API server. */}}
{{- define "adclicks.operatorSecrets" -}}
{{- $security := include "adclicks.kafkaSecurity" (dict "root" . "component" "operator") | fromYaml -}}
{{- $names := list -}}
{{- range list $security.ca $security.client $security.sasl -}}
{{- with . }}{{ $names = append $names .secret }}{{ end -}}
{{- end -}}
{{- $names | uniq | toYaml -}}
{{- end -}}

{{/* The APIServices that are ours, as a YAML list. */}}
{{- define "adclicks.metricsApis" -}}
{{- if .Values.operator.registerMetricsApi -}}
{{- get (dict "external" (list "v1beta1.external.metrics.k8s.io") "custom" (list "v1beta2.custom.metrics.k8s.io" "v1beta1.custom.metrics.k8s.io") "keda" list "none" list) .Values.autoscaling.provider | toYaml -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{- define "adclicks.operatorClusterName" -}}
{{- $name := include "adclicks.componentName" (dict "root" . "component" "operator") -}}
{{- /* The digest tells a-b in namespace c from b in namespace c-a. */}}
{{- printf "%s-%s-%s" .Release.Namespace $name (printf "%s/%s" .Release.Namespace $name | sha256sum | trunc 5) -}}
{{- end -}}
