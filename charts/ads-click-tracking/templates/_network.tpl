{{/* The ends of the paths that exist, for the NetworkPolicies. */}}

{{- define "adclicks.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "adclicks.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "adclicks.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}

{{- define "adclicks.peer" -}}
- podSelector:
    matchLabels:
      {{- include "adclicks.selector" . | nindent 6 }}
{{- end -}}

{{/* HTTP from clients, from our own router and test, and from who reads the metrics. */}}
{{- define "adclicks.fromClients" -}}
- ports: [{port: http}]
  {{- with .root.Values.networkPolicy.clients }}
  from:
    {{- toYaml . | nindent 4 }}
    {{- range list "router" "test" }}
    {{- include "adclicks.peer" (dict "root" $.root "component" .) | nindent 4 }}
    {{- end }}
    {{- with $.root.Values.networkPolicy.scrapers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end -}}

{{- define "adclicks.toDns" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end -}}

{{- define "adclicks.toKafka" -}}
{{- if eq .root.Values.kafka.mode "strimzi" -}}
- to: [{podSelector: {matchLabels: {strimzi.io/cluster: {{ include "adclicks.kafkaCluster" .root }}}}}]
  ports: [{port: 9093}]
{{- else -}}
# Brokers of yours must listen on the ports that the bootstrap servers do.
- ports:
    {{- range regexFindAll ":[0-9]+" .root.Values.kafka.external.bootstrapServers -1 | uniq }}
    - {port: {{ trimPrefix ":" . }}}
    {{- end }}
{{- end -}}
{{- end -}}

{{- define "adclicks.toPostgresql" -}}
{{- if eq .root.Values.postgresql.mode "internal" -}}
- to:
    {{- include "adclicks.peer" (dict "root" .root "component" "postgresql") | nindent 4 }}
  ports: [{port: 5432}]
{{- else if eq .root.Values.postgresql.mode "cnpg" -}}
- to: [{podSelector: {matchLabels: {cnpg.io/cluster: {{ include "adclicks.fullname" .root }}-postgresql}}}]
  ports: [{port: 5432}]
{{- else -}}
- ports: [{port: {{ .root.Values.postgresql.external.port }}}]
{{- end -}}
{{- end -}}

{{- define "adclicks.toRedis" -}}
{{- if eq .root.Values.redis.mode "internal" -}}
- to:
    {{- include "adclicks.peer" (dict "root" .root "component" "redis") | nindent 4 }}
  ports: [{port: 6379}]
{{- else -}}
- ports: [{port: {{ regexFind "[0-9]+$" .root.Values.redis.external.address }}}]
{{- end -}}
{{- end -}}

{{- define "adclicks.toOwn" -}}
- to:
    {{- range list "ingest" "analytics" }}
    {{- include "adclicks.peer" (dict "root" $.root "component" .) | nindent 4 }}
    {{- end }}
  ports: [{port: http}]
{{- end -}}
