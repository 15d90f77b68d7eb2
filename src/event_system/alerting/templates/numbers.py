"""The templates of text messages and phone calls, in English and Chinese."""

from __future__ import annotations

from typing import Final

NUMBERS: Final = """
{{ define "__first_summary" }}{{ with .CommonAnnotations.summary }}{{ . }}{{ else -}}
{{ range $place, $alert := .Alerts }}{{ if eq $place 0 }}{{ .Annotations.summary }}{{ end }}{{ end }}
{{- end }}{{ end }}
{{ define "__first_summary_zh" }}{{ with .CommonAnnotations.summary_zh }}{{ . }}{{ else -}}
{{ range $place, $alert := .Alerts }}{{ if eq $place 0 -}}
{{ with .Annotations.summary_zh }}{{ . }}{{ else }}{{ .Annotations.summary }}{{ end }}{{ end }}{{ end }}
{{- end }}{{ end }}

{{ define "sms.default.message" }}{{ template "__subject" . }} {{ template "__first_summary" . }}
{{- with .CommonAnnotations.acknowledge_url }} {{ . }}{{ end }}{{ end }}
{{ define "sms.zh.message" }}{{ template "__subject_zh" . }} {{ template "__first_summary_zh" . }}
{{- with .CommonAnnotations.acknowledge_url }} {{ . }}{{ end }}{{ end }}

{{ define "sms.default.value" }}{{ if .Alerts.Firing }}{{ len .Alerts.Firing }} firing{{ else }}resolved{{ end }}
{{- with .CommonLabels.alertname }} {{ . }}{{ end }}{{ end }}
{{ define "sms.zh.value" }}{{ if .Alerts.Firing }}{{ len .Alerts.Firing }}条告警{{ else }}已恢复{{ end }}
{{- with .CommonLabels.alertname }} {{ . }}{{ end }}{{ end }}
{{ define "phone.default.value" }}{{ template "sms.default.value" . }}{{ end }}
{{ define "phone.zh.value" }}{{ template "sms.zh.value" . }}{{ end }}

{{ define "phone.default.message" -}}
{{ if .Alerts.Firing }}Alert. {{ with .CommonLabels.level }}Level {{ . }}. {{ end }}
{{- len .Alerts.Firing }} firing{{ else }}Recovery. {{ len .Alerts.Resolved }} resolved{{ end }}
{{- with .CommonLabels.alertname }}: {{ . }}{{ end }}. {{ template "__first_summary" . }}{{ end }}
{{ define "phone.zh.message" -}}
{{ if .Alerts.Firing }}告警通知。{{ with .CommonLabels.level }}级别 {{ . }}。{{ end }}
{{- len .Alerts.Firing }} 条告警正在触发{{ else }}恢复通知。{{ len .Alerts.Resolved }} 条告警已恢复{{ end }}
{{- with .CommonLabels.alertname }}：{{ . }}{{ end }}。{{ template "__first_summary_zh" . }}{{ end }}
"""
