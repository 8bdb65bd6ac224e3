{{/* A writable copy of the sources, and a restart when one changes. The argument is a dict: root, component, values, command. */}}

{{- define "adclicks.developmentCommand" -}}
{{- if .root.Values.development.enabled }}
command:
  - python
  - -c
  - |
    {{- .root.Files.Get "files/reload.py" | nindent 4 }}
  {{- toYaml .command | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "adclicks.developmentEnv" -}}
{{- if .root.Values.development.enabled }}
- {name: PYTHONPATH, value: /src}
{{- end }}
{{- end -}}

{{- define "adclicks.developmentMount" -}}
{{- if .root.Values.development.enabled }}
- {name: src, mountPath: /src}
{{- end }}
{{- end -}}

{{- define "adclicks.developmentVolume" -}}
{{- if .root.Values.development.enabled }}
- name: src
  emptyDir: {sizeLimit: 64Mi}
{{- end }}
{{- end -}}

{{- define "adclicks.developmentCopy" -}}
{{- if .root.Values.development.enabled }}
initContainers:
  - name: sources
    image: {{ include "adclicks.image" (dict "root" .root "image" .values.image) }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: [cp, --recursive, /app/., /src]
    securityContext:
      {{- include "adclicks.containerSecurity" . | nindent 6 }}
    resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 128Mi}}
    volumeMounts:
      - {name: src, mountPath: /src}
{{- end }}
{{- end -}}
