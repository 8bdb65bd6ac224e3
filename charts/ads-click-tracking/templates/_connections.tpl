{{/* Where Kafka, PostgreSQL and Redis are, as environment and volumes. The argument is a dict: root, component. */}}

{{- define "adclicks.kafkaCluster" -}}
{{- .Values.kafka.strimzi.clusterName | default (printf "%s-kafka" (include "adclicks.fullname" .)) -}}
{{- end -}}

{{/* A broker's pod is called <cluster>-<pool>-<id>, which is its host name as well: 63 characters at the most. */}}
{{- define "adclicks.kafkaPool" -}}
{{- printf "brokers-%s" (include "adclicks.fullname" . | sha256sum | trunc 5) -}}
{{- end -}}

{{- define "adclicks.kafkaAddress" -}}
{{- if eq .Values.kafka.mode "strimzi" -}}
{{- printf "%s-kafka-bootstrap.%s.svc:9093" (include "adclicks.kafkaCluster" .) .Release.Namespace -}}
{{- else -}}
{{- .Values.kafka.external.bootstrapServers -}}
{{- end -}}
{{- end -}}

{{- define "adclicks.kafkaReplication" -}}
{{- if .Values.kafka.replicationFactor -}}
{{- .Values.kafka.replicationFactor -}}
{{- else if eq .Values.kafka.mode "strimzi" -}}
{{- min 3 (.Values.kafka.strimzi.replicas | int) -}}
{{- else -}}
1
{{- end -}}
{{- end -}}

{{/* Jobs act as the consumer towards Kafka. */}}
{{- define "adclicks.kafkaUser" -}}
{{- printf "%s-%s" (include "adclicks.fullname" .root) .component -}}
{{- end -}}

{{/* How Kafka is talked to, whatever the mode: protocol, mechanism, and the secrets with their keys. As YAML. */}}
{{- define "adclicks.kafkaSecurity" -}}
{{- if eq .root.Values.kafka.mode "strimzi" -}}
{{- $user := include "adclicks.kafkaUser" . -}}
{{- $tls := eq .root.Values.kafka.strimzi.authentication "tls" -}}
protocol: {{ ternary "ssl" "sasl_ssl" $tls }}
# While Strimzi replaces the CA, the old one is there as ca-<date>.crt, and brokers have either's certificates.
ca: {secret: {{ include "adclicks.kafkaCluster" .root }}-cluster-ca-cert, key: ca.crt, folder: true}
{{- if $tls }}
client: {secret: {{ $user }}, certificateKey: user.crt, keyKey: user.key}
{{- else }}
sasl: {mechanism: scram-sha-512, secret: {{ $user }}, username: {{ $user }}, passwordKey: password}
{{- end }}
{{- else -}}
{{- with .root.Values.kafka.external -}}
protocol: {{ .securityProtocol }}
{{- if .tls.caSecret }}
ca: {secret: {{ .tls.caSecret }}, key: {{ .tls.caKey }}}
{{- end }}
{{- if .tls.clientSecret }}
client: {secret: {{ .tls.clientSecret }}, certificateKey: {{ .tls.certificateKey }}, keyKey: {{ .tls.keyKey }}}
{{- end }}
{{- if hasPrefix "sasl_" .securityProtocol }}
sasl: {mechanism: {{ .sasl.mechanism }}, secret: {{ .sasl.existingSecret }}, usernameKey: {{ .sasl.usernameKey }}, passwordKey: {{ .sasl.passwordKey }}}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "adclicks.secretEnv" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key | quote }}}}
{{- end -}}

{{- define "adclicks.kafkaEnv" -}}
{{- $security := include "adclicks.kafkaSecurity" . | fromYaml -}}
- {name: KAFKA_ADDRESS, value: {{ include "adclicks.kafkaAddress" .root | quote }}}
- {name: KAFKA_TOPIC, value: {{ .root.Values.kafka.topic | quote }}}
{{- if ne $security.protocol "plaintext" }}
- {name: KAFKA_SECURITY_PROTOCOL, value: {{ $security.protocol }}}
{{- end }}
{{- with $security.ca }}
- {name: KAFKA_CA_FILE, value: /etc/adclicks/kafka-ca{{ if not .folder }}/{{ .key }}{{ end }}}
{{- end }}
{{- with $security.client }}
- {name: KAFKA_CERT_FILE, value: /etc/adclicks/kafka-client/{{ .certificateKey }}}
- {name: KAFKA_KEY_FILE, value: /etc/adclicks/kafka-client/{{ .keyKey }}}
{{- end }}
{{- with $security.sasl }}
- {name: KAFKA_SASL_MECHANISM, value: {{ upper .mechanism }}}
{{- if .username }}
- {name: KAFKA_USERNAME, value: {{ .username }}}
{{- else }}
{{ include "adclicks.secretEnv" (dict "name" "KAFKA_USERNAME" "secret" .secret "key" .usernameKey) }}
{{- end }}
{{ include "adclicks.secretEnv" (dict "name" "KAFKA_PASSWORD" "secret" .secret "key" .passwordKey) }}
{{- end }}
{{- end -}}

{{/* Where PostgreSQL is, whatever the mode. As YAML. */}}
{{- define "adclicks.postgresql" -}}
{{- $values := .Values.postgresql -}}
{{- if eq $values.mode "internal" -}}
host: {{ include "adclicks.fullname" . }}-postgresql
port: 5432
user: {{ $values.user }}
secret: {{ $values.internal.existingSecret | default (printf "%s-postgresql" (include "adclicks.fullname" .)) }}
passwordKey: password
sslMode: disable
{{- else if eq $values.mode "cnpg" -}}
host: {{ include "adclicks.fullname" . }}-postgresql-rw
port: 5432
user: {{ $values.user }}
secret: {{ include "adclicks.fullname" . }}-postgresql-app
passwordKey: password
sslMode: verify-full
caSecret: {{ include "adclicks.fullname" . }}-postgresql-ca
caKey: ca.crt
{{- else -}}
{{- with $values.external -}}
host: {{ .host | quote }}
port: {{ .port }}
secret: {{ .existingSecret | quote }}
usernameKey: {{ .usernameKey }}
passwordKey: {{ .passwordKey }}
sslMode: {{ .sslMode }}
{{- if .caSecret }}
caSecret: {{ .caSecret }}
caKey: {{ .caKey }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "adclicks.postgresqlEnv" -}}
{{- $database := include "adclicks.postgresql" .root | fromYaml -}}
- {name: DB_HOST, value: {{ $database.host | quote }}}
- {name: DB_PORT, value: {{ $database.port | quote }}}
- {name: DB_NAME, value: {{ .root.Values.postgresql.database | quote }}}
{{- if $database.user }}
- {name: DB_USER, value: {{ $database.user | quote }}}
{{- else }}
{{ include "adclicks.secretEnv" (dict "name" "DB_USER" "secret" $database.secret "key" $database.usernameKey) }}
{{- end }}
{{ include "adclicks.secretEnv" (dict "name" "DB_PASSWORD" "secret" $database.secret "key" $database.passwordKey) }}
- {name: DB_SSL, value: {{ $database.sslMode }}}
{{- with $database.caKey }}
- {name: DB_SSL_ROOT_CERT, value: /etc/adclicks/postgresql-ca/{{ . }}}
{{- end }}
{{- end -}}

{{- define "adclicks.redisEnv" -}}
{{- $redis := .root.Values.redis -}}
{{- if eq $redis.mode "internal" -}}
- {name: REDIS_ADDR, value: "{{ include "adclicks.fullname" .root }}-redis:6379"}
{{ include "adclicks.secretEnv" (dict "name" "REDIS_PASSWORD" "secret" (include "adclicks.redisSecret" .root) "key" "password") }}
{{- else -}}
{{- with $redis.external -}}
- {name: REDIS_ADDR, value: {{ .address | quote }}}
- {name: REDIS_DB, value: {{ .db | quote }}}
{{- if .existingSecret }}
{{- if .usernameKey }}
{{ include "adclicks.secretEnv" (dict "name" "REDIS_USERNAME" "secret" .existingSecret "key" .usernameKey) }}
{{- end }}
{{ include "adclicks.secretEnv" (dict "name" "REDIS_PASSWORD" "secret" .existingSecret "key" .passwordKey) }}
{{- end }}
{{- if .tls.enabled }}
- {name: REDIS_TLS, value: "true"}
{{- if .tls.caSecret }}
- {name: REDIS_CA_FILE, value: /etc/adclicks/redis-ca/{{ .tls.caKey }}}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "adclicks.redisSecret" -}}
{{- .Values.redis.internal.existingSecret | default (printf "%s-redis" (include "adclicks.fullname" .)) -}}
{{- end -}}

{{/* The mounted secrets, as a list of {name, secret, keys}; `for` tells which of kafka, postgresql, redis are wanted. Only the keys
that are used are mounted: CloudNativePG keeps the CA's private key beside its certificate. A pod also waits for a key that is
missing. Strimzi's folder of CA certificates is mounted whole (no keys): the names of replaced ones are not known before. */}}
{{- define "adclicks.mountedSecrets" -}}
{{- $security := include "adclicks.kafkaSecurity" . | fromYaml -}}
{{- $database := include "adclicks.postgresql" .root | fromYaml -}}
{{- $redis := .root.Values.redis -}}
{{- $mounts := list -}}
{{- if and (has "kafka" .for) $security.ca -}}
{{- $mounts = append $mounts (dict "name" "kafka-ca" "secret" $security.ca.secret "keys" (ternary list (list $security.ca.key) ($security.ca.folder | default false))) -}}
{{- end -}}
{{- if and (has "kafka" .for) $security.client -}}
{{- $mounts = append $mounts (dict "name" "kafka-client" "secret" $security.client.secret "keys" (list $security.client.certificateKey $security.client.keyKey)) -}}
{{- end -}}
{{- if and (has "postgresql" .for) $database.caSecret -}}
{{- $mounts = append $mounts (dict "name" "postgresql-ca" "secret" $database.caSecret "keys" (list $database.caKey)) -}}
{{- end -}}
{{- if and (has "redis" .for) (eq $redis.mode "external") $redis.external.tls.enabled $redis.external.tls.caSecret -}}
{{- $mounts = append $mounts (dict "name" "redis-ca" "secret" $redis.external.tls.caSecret "keys" (list $redis.external.tls.caKey)) -}}
{{- end -}}
{{- toYaml $mounts -}}
{{- end -}}

{{- define "adclicks.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- range include "adclicks.mountedSecrets" . | fromYamlArray }}
- {name: {{ .name }}, mountPath: /etc/adclicks/{{ .name }}, readOnly: true}
{{- end }}
{{- end -}}

{{- define "adclicks.volumes" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- range include "adclicks.mountedSecrets" . | fromYamlArray }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    {{- with .keys }}
    items:
      {{- range . }}
      - {key: {{ . | quote }}, path: {{ . | quote }}}
      {{- end }}
    {{- end }}
{{- end }}
{{- end -}}
