{{/* Each helper returns a YAML list of problems: "value.path is …: remedy". */}}

{{- define "adclicks.problems.kafka" -}}
{{- with .Values.kafka }}
{{- if not (regexMatch "^[A-Za-z0-9._-]+$" .topic) }}
- {{ printf "kafka.topic is %q: use letters, digits, '.', '_' and '-' only" .topic | quote }}
{{- end }}
{{- if eq .mode "external" }}
{{- if not .external.bootstrapServers }}
- "kafka.external.bootstrapServers is empty: name your Kafka's brokers as host:port[,host:port…], or set kafka.mode=strimzi to have the Strimzi operator run one"
{{- else if not (regexMatch "^[A-Za-z0-9._-]+:[0-9]+(,[A-Za-z0-9._-]+:[0-9]+)*$" .external.bootstrapServers) }}
- {{ printf "kafka.external.bootstrapServers is %q: write host:port[,host:port…], without spaces or a scheme" .external.bootstrapServers | quote }}
{{- end }}
{{- if and (hasPrefix "sasl_" .external.securityProtocol) (not .external.sasl.existingSecret) }}
- {{ printf "kafka.external.sasl.existingSecret is empty: with kafka.external.securityProtocol=%s name a secret with the keys %s and %s" .external.securityProtocol .external.sasl.usernameKey .external.sasl.passwordKey | quote }}
{{- end }}
{{- if and .external.sasl.existingSecret (not (hasPrefix "sasl_" .external.securityProtocol)) }}
- {{ printf "kafka.external.sasl.existingSecret is set but kafka.external.securityProtocol is %s: use sasl_ssl (or sasl_plaintext), or remove the secret" .external.securityProtocol | quote }}
{{- end }}
{{- if and .external.tls.clientSecret (not (has .external.securityProtocol (list "ssl" "sasl_ssl"))) }}
- {{ printf "kafka.external.tls.clientSecret is set but kafka.external.securityProtocol is %s: use ssl, or remove the secret" .external.securityProtocol | quote }}
{{- end }}
{{- if and .external.tls.caSecret (not (has .external.securityProtocol (list "ssl" "sasl_ssl"))) }}
- {{ printf "kafka.external.tls.caSecret is set but kafka.external.securityProtocol is %s: use ssl or sasl_ssl, or remove the secret" .external.securityProtocol | quote }}
{{- end }}
{{- else }}
{{- if .external.bootstrapServers }}
- "kafka.external.bootstrapServers is set but kafka.mode is strimzi: remove it, or set kafka.mode=external"
{{- end }}
{{- if and .strimzi.createCluster (gt (int .replicationFactor) (int .strimzi.replicas)) }}
- {{ printf "kafka.replicationFactor is %v but kafka.strimzi.replicas is %v: a click can't have more copies than there are brokers; lower it to %v or set it to 0" .replicationFactor .strimzi.replicas .strimzi.replicas | quote }}
{{- end }}
{{- if eq (int .strimzi.replicas) 2 }}
- "kafka.strimzi.replicas is 2: two controllers have no majority when one is away; use 1 (trials) or 3 (production)"
{{- end }}
{{- if gt (len .strimzi.clusterName) 46 }}
- {{ printf "kafka.strimzi.clusterName is %q: at most 46 characters, or the names of brokers get longer than the 63 that Kubernetes allows" .strimzi.clusterName | quote }}
{{- end }}
{{- if and (not .strimzi.createCluster) (not .strimzi.clusterName) }}
- "kafka.strimzi.clusterName is empty: with kafka.strimzi.createCluster=false name the Kafka in this namespace that is to be used"
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "adclicks.problems.postgresql" -}}
{{- with .Values.postgresql }}
{{- if eq .mode "external" }}
{{- if not .external.host }}
- "postgresql.external.host is empty: name your PostgreSQL's host, or set postgresql.mode=internal (trials) or cnpg"
{{- else if regexMatch "[:/ ]" .external.host }}
- {{ printf "postgresql.external.host is %q: write the host name alone; the port goes to postgresql.external.port" .external.host | quote }}
{{- end }}
{{- if not .external.existingSecret }}
- {{ printf "postgresql.external.existingSecret is empty: name a secret with the keys %s and %s" .external.usernameKey .external.passwordKey | quote }}
{{- end }}
{{- if and (has .external.sslMode (list "verify-ca" "verify-full")) (not .external.caSecret) }}
- {{ printf "postgresql.external.caSecret is empty: postgresql.external.sslMode=%s needs the CA to verify with; name a secret with the key %s" .external.sslMode .external.caKey | quote }}
{{- end }}
{{- else if .external.host }}
- {{ printf "postgresql.external.host is set but postgresql.mode is %s: remove it, or set postgresql.mode=external" .mode | quote }}
{{- end }}
{{- range $name, $size := dict "internal" .internal.storage.size "cnpg" .cnpg.storage.size }}
{{- if not (regexMatch "^[0-9]+(\\.[0-9]+)?([KMGTPE]i?)?$" $size) }}
- {{ printf "postgresql.%s.storage.size is %q: write a quantity such as 20Gi" $name $size | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "adclicks.problems.redis" -}}
{{- with .Values.redis }}
{{- if and (eq .mode "external") (not .external.address) }}
- "redis.external.address is empty: name your Redis or Valkey as host:port, or set redis.mode=internal"
{{- else if and .external.address (not (regexMatch "^[A-Za-z0-9._-]+:[0-9]+$" .external.address)) }}
- {{ printf "redis.external.address is %q: write host:port, without a scheme" .external.address | quote }}
{{- end }}
{{- if and (eq .mode "internal") .external.address }}
- "redis.external.address is set but redis.mode is internal: remove it, or set redis.mode=external"
{{- end }}
{{- if and .external.usernameKey (not .external.existingSecret) }}
- "redis.external.usernameKey is set but redis.external.existingSecret is empty: name the secret that has this key"
{{- end }}
{{- if and .external.tls.caSecret (not .external.tls.enabled) }}
- "redis.external.tls.caSecret is set but redis.external.tls.enabled is false: set it to true, or remove the secret"
{{- end }}
{{- end }}
{{- end -}}

{{- define "adclicks.problems.scaling" -}}
{{- $consumers := mul (int .Values.consumer.replicas) (int .Values.consumer.workers) }}
{{- with .Values.autoscaling }}
{{- if and (ne .provider "none") (gt (int .minReplicas) (int .maxReplicas)) }}
- {{ printf "autoscaling.minReplicas is %v but autoscaling.maxReplicas is %v: make maxReplicas at least minReplicas" .minReplicas .maxReplicas | quote }}
{{- end }}
{{- if and (eq .provider "none") $.Values.operator.enabled }}
- "operator.enabled is true but autoscaling.provider is none: there is nothing to scale by; set autoscaling.provider=external"
{{- end }}
{{- if and (eq .provider "custom") (not $.Values.operator.enabled) }}
- "autoscaling.provider is custom but operator.enabled is false: the metric is one of a LagAutoscaler object; set operator.enabled=true, or autoscaling.provider=external"
{{- end }}
{{- end }}
{{- if and $.Values.operator.clusterWide (not $.Values.operator.enabled) }}
- "operator.clusterWide is true but operator.enabled is false: without the operator only this release is scaled; set operator.enabled=true"
{{- end }}
{{- if and (eq .Values.autoscaling.provider "none") (gt $consumers (int .Values.kafka.partitions)) }}
- {{ printf "consumer.replicas × consumer.workers is %v but kafka.partitions is %v: %v consumers would idle; raise kafka.partitions or lower consumer.replicas" $consumers .Values.kafka.partitions (sub $consumers (int .Values.kafka.partitions)) | quote }}
{{- end }}
{{- if gt (int .Values.consumer.dedupHorizonDays) (int .Values.consumer.clickRetentionDays) }}
- {{ printf "consumer.dedupHorizonDays is %v but consumer.clickRetentionDays is %v: a click can't be known longer than it is kept; lower the one or raise the other" .Values.consumer.dedupHorizonDays .Values.consumer.clickRetentionDays | quote }}
{{- end }}
{{- range $name := list "ingest" "analytics" }}
{{- $values := index $.Values $name }}
{{- with $values.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
- {{ printf "%s.autoscaling.minReplicas is %v but maxReplicas is %v: make maxReplicas at least minReplicas" $name .minReplicas .maxReplicas | quote }}
{{- end }}
{{- if and .enabled (not (dig "requests" "cpu" "" $values.resources)) }}
- {{ printf "%s.resources.requests.cpu is not set: %s.autoscaling.targetCpuPercent is a percentage of it; set it" $name $name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name := list "ingest" "consumer" "analytics" }}
{{- $allowed := index $.Values $name "podDisruptionBudget" "maxUnavailable" | toString }}
{{- if not (regexMatch "^([1-9][0-9]*|[1-9][0-9]?%|100%)$" $allowed) }}
- {{ printf "%s.podDisruptionBudget.maxUnavailable is %s: with none, no node could be drained; use a number from 1 on or a percentage such as 25%%" $name $allowed | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "adclicks.problems.access" -}}
{{- if and .Values.ingress.tlsSecret (not .Values.ingress.host) }}
- "ingress.host is empty: a certificate (ingress.tlsSecret) is for a host name; set it"
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
- "httpRoute.parentRefs is empty: name the Gateway to attach to, such as [{name: public, namespace: gateways}]"
{{- end }}
{{- range $name := list "ingest" "analytics" "router" }}
{{- with index $.Values $name "service" }}
{{- if and .nodePort (eq .type "ClusterIP") }}
- {{ printf "%s.service.nodePort is %v but %s.service.type is ClusterIP: set the type to NodePort, or remove the port" $name .nodePort $name | quote }}
{{- end }}
{{- if and .nodePort (lt (int .nodePort) 30000) }}
- {{ printf "%s.service.nodePort is %v: Kubernetes hands out 30000 to 32767" $name .nodePort | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- $labels := dict "commonLabels" .Values.commonLabels }}
{{- range $name := list "ingest" "consumer" "analytics" "operator" }}
{{- $_ := set $labels (printf "%s.podLabels" $name) (index $.Values $name "podLabels") }}
{{- end }}
{{- range $path, $map := $labels }}
{{- range $key := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" }}
{{- if hasKey $map $key }}
{{- printf "%s has %s: Services and Deployments find their pods by it; remove it" $path $key | quote | printf "\n- %s" }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name := list "ingest" "consumer" "analytics" "operator" }}
{{- with index $.Values $name "image" "digest" }}
{{- if not (regexMatch "^sha256:[0-9a-f]{64}$" .) }}
- {{ printf "%s.image.digest is %q: write sha256: and 64 hexadecimal digits, or set image.tag instead" $name . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "adclicks.problems.capabilities" -}}
{{- if .Values.checkCapabilities }}
{{- $needs := list
  (dict "wanted" (eq .Values.kafka.mode "strimzi") "kind" "kafka.strimzi.io/v1/Kafka" "value" "kafka.mode=strimzi" "remedy" "install Strimzi 1.2 or newer first (k8s/install-strimzi.sh, or https://strimzi.io), or use kafka.mode=external")
  (dict "wanted" (eq .Values.postgresql.mode "cnpg") "kind" "postgresql.cnpg.io/v1/Cluster" "value" "postgresql.mode=cnpg" "remedy" "install CloudNativePG first (https://cloudnative-pg.io), or use postgresql.mode=external or internal")
  (dict "wanted" (eq .Values.autoscaling.provider "keda") "kind" "keda.sh/v1alpha1/ScaledObject" "value" "autoscaling.provider=keda" "remedy" "install KEDA first (https://keda.sh), or use autoscaling.provider=external")
  (dict "wanted" (and .Values.operator.enabled .Release.IsUpgrade) "kind" "adclicks.dev/v1alpha1/LagAutoscaler" "value" "operator.enabled=true" "remedy" "Helm adds definitions only when it installs; add it with kubectl apply --server-side --field-manager=helm --force-conflicts --filename <chart>/crds")
  (dict "wanted" .Values.httpRoute.enabled "kind" "gateway.networking.k8s.io/v1/HTTPRoute" "value" "httpRoute.enabled=true" "remedy" "install the Gateway API first (https://gateway-api.sigs.k8s.io), or use ingress.enabled=true")
  (dict "wanted" .Values.monitoring.podMonitor.enabled "kind" "monitoring.coreos.com/v1/PodMonitor" "value" "monitoring.podMonitor.enabled=true" "remedy" "install the Prometheus operator first (https://prometheus-operator.dev), or turn it off")
  (dict "wanted" .Values.monitoring.rules.enabled "kind" "monitoring.coreos.com/v1/PrometheusRule" "value" "monitoring.rules.enabled=true" "remedy" "install the Prometheus operator first (https://prometheus-operator.dev), or turn it off") }}
{{- range $needs }}
{{- if and .wanted (not ($.Capabilities.APIVersions.Has .kind)) }}
- {{ printf "%s needs %s, which this cluster does not have: %s (checkCapabilities=false skips this check)" .value .kind .remedy | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The secrets that the values name must be there: pods would wait for them for ever. Not asked where there is no cluster. */}}
{{- define "adclicks.problems.secrets" -}}
{{- if and .Values.checkSecrets (lookup "v1" "ServiceAccount" .Release.Namespace "default") }}
{{- $kafka := .Values.kafka.external }}
{{- $postgresql := .Values.postgresql }}
{{- $redis := .Values.redis }}
{{- $external := dict "kafka" (eq .Values.kafka.mode "external") "postgresql" (eq $postgresql.mode "external") "redis" (eq $redis.mode "external") }}
{{- $named := list
  (dict "wanted" $external.kafka "value" "kafka.external.sasl.existingSecret" "secret" $kafka.sasl.existingSecret "keys" (dict "kafka.external.sasl.usernameKey" $kafka.sasl.usernameKey "kafka.external.sasl.passwordKey" $kafka.sasl.passwordKey))
  (dict "wanted" $external.kafka "value" "kafka.external.tls.caSecret" "secret" $kafka.tls.caSecret "keys" (dict "kafka.external.tls.caKey" $kafka.tls.caKey))
  (dict "wanted" $external.kafka "value" "kafka.external.tls.clientSecret" "secret" $kafka.tls.clientSecret "keys" (dict "kafka.external.tls.certificateKey" $kafka.tls.certificateKey "kafka.external.tls.keyKey" $kafka.tls.keyKey))
  (dict "wanted" (eq $postgresql.mode "internal") "value" "postgresql.internal.existingSecret" "secret" $postgresql.internal.existingSecret "keys" (dict "postgresql.internal.existingSecret" "password"))
  (dict "wanted" $external.postgresql "value" "postgresql.external.existingSecret" "secret" $postgresql.external.existingSecret "keys" (dict "postgresql.external.usernameKey" $postgresql.external.usernameKey "postgresql.external.passwordKey" $postgresql.external.passwordKey))
  (dict "wanted" $external.postgresql "value" "postgresql.external.caSecret" "secret" $postgresql.external.caSecret "keys" (dict "postgresql.external.caKey" $postgresql.external.caKey))
  (dict "wanted" (eq $redis.mode "internal") "value" "redis.internal.existingSecret" "secret" $redis.internal.existingSecret "keys" (dict "redis.internal.existingSecret" "password"))
  (dict "wanted" $external.redis "value" "redis.external.existingSecret" "secret" $redis.external.existingSecret "keys" (dict "redis.external.usernameKey" $redis.external.usernameKey "redis.external.passwordKey" $redis.external.passwordKey))
  (dict "wanted" $external.redis "value" "redis.external.tls.caSecret" "secret" $redis.external.tls.caSecret "keys" (dict "redis.external.tls.caKey" $redis.external.tls.caKey)) }}
{{- range $named }}
{{- if and .wanted .secret }}
{{- include "adclicks.problems.secret" (merge (dict "namespace" $.Release.Namespace) .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "adclicks.problems.secret" -}}
{{- $found := lookup "v1" "Secret" .namespace .secret }}
{{- $has := keys ($found.data | default dict) | sortAlpha }}
{{- range $value, $key := .keys }}
{{- if and $key $found (not (has $key $has)) }}
- {{ printf "%s: secret %s in namespace %s has no key %q (it has %s); name the right key, or add it (checkSecrets=false skips this check)" $value $.secret $.namespace $key (join ", " $has | default "none") | quote }}
{{- end }}
{{- end }}
{{- if not $found }}
- {{ printf "%s is %q, but namespace %s has no such secret: make it, with the keys %s (checkSecrets=false skips this check)" .value .secret .namespace (values .keys | sortAlpha | join " " | trim | replace " " ", ") | quote }}
{{- end }}
{{- end -}}
