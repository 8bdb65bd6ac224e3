{{/* What every pod of ours has in common. The argument is a dict: root, component, values (the component's). */}}

{{/* The restricted Pod Security level, of a pod. Images of others run as their own user. */}}
{{- define "adclicks.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "adclicks.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "adclicks.podBasics" -}}
serviceAccountName: {{ include "adclicks.componentName" . }}
automountServiceAccountToken: {{ .token | default false }}
# The variables that Kubernetes makes for each Service could be taken for settings.
enableServiceLinks: false
securityContext:
  {{- include "adclicks.podSecurity" (.user | default 10001) | nindent 2 }}
{{- include "adclicks.pullSecrets" . }}
{{- end -}}

{{- define "adclicks.pullSecrets" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where a pod may run: the component's own values, else those of the chart. */}}
{{- define "adclicks.placement" -}}
{{- $values := .values | default dict -}}
{{- with $values.nodeSelector | default .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations | default .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName | default .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "adclicks.scheduling" -}}
{{- include "adclicks.placement" . }}
topologySpreadConstraints:
  {{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "adclicks.selector" $ | nindent 8 }}
    # Without it the old pods of a rollout would push the new ones together.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
  {{- end }}
{{- end -}}

{{/* Liveness answers "does it move", readiness "send it work"; a database that is away fails neither liveness nor start. */}}
{{- define "adclicks.probes" -}}
startupProbe:
  httpGet: {path: /healthz/live, port: http}
  periodSeconds: 1
  timeoutSeconds: 3
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz/live, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /healthz/ready, port: http}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{- define "adclicks.podMetadata" -}}
labels:
  {{- include "adclicks.podLabels" . | nindent 2 }}
{{- with .values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "adclicks.httpEnv" -}}
- {name: PORT, value: "8080"}
- {name: LOG_LEVEL, value: {{ .root.Values.logLevel | quote }}}
- {name: LOG_FORMAT, value: json}
- {name: WEB_CONCURRENCY, value: {{ .values.workers | quote }}}
- {name: SHUTDOWN_SECONDS, value: {{ .values.shutdownSeconds | quote }}}
{{- with .values.connections }}
- {name: HEAD_TIMEOUT_SECONDS, value: {{ .headTimeoutSeconds | int | quote }}}
- {name: BODY_TIMEOUT_SECONDS, value: {{ .bodyTimeoutSeconds | int | quote }}}
- {name: SEND_TIMEOUT_SECONDS, value: {{ .sendTimeoutSeconds | int | quote }}}
- {name: KEEP_ALIVE_SECONDS, value: {{ .keepAliveSeconds | int | quote }}}
- {name: MAX_CONNECTIONS, value: {{ .max | int | quote }}}
{{- end }}
{{- end -}}

{{/* The order at the end: out of the endpoints, preStop's sleep, SIGTERM, open requests, what is flushed. */}}
{{- define "adclicks.httpTermination" -}}
{{- add .preStopSeconds .shutdownSeconds 5 -}}
{{- end -}}

{{/* A container's variables: own (YAML), and the component's extraEnv. The API server refuses a name that is there twice. */}}
{{- define "adclicks.env" -}}
{{- $own := .own | fromYamlArray -}}
{{- range .values.extraEnv -}}
{{- $name := .name -}}
{{- range $own -}}
{{- if eq .name $name -}}
{{- fail (printf "\n\nThe values are wrong or incomplete:\n  - %s.extraEnv sets %s, which the chart sets too: remove it there, and use the value that stands for it (helm show readme)\n" $.component $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- concat $own (.values.extraEnv | default list) | toYaml -}}
{{- end -}}
