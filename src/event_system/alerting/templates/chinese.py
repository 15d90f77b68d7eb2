"""The same templates in Chinese: `language: zh`."""

from __future__ import annotations

from typing import Final

CHINESE: Final = """
{{ define "__status_zh" }}{{ if eq . "firing" }}告警{{ else }}已恢复{{ end }}{{ end }}
{{ define "__subject_zh" }}{{ if gt .Count 1 }}（合并 {{ .Count }} 条通知）{{ end }}[{{ template "__status_zh" .Status }}
{{- if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ end }}] {{ join " " .GroupLabels.SortedPairs.Values }}
{{- if gt (len .CommonLabels) (len .GroupLabels) }} ({{ with .CommonLabels.Remove .GroupLabels.Names -}}
{{ join " " .Values }}{{ end }}){{ end }}{{ end }}
{{ define "__summary_zh" }}{{ with .Annotations.summary_zh }}{{ . }}{{ else }}{{ .Annotations.summary }}{{ end }}{{ end }}
{{ define "__description_zh" }}{{ with .Annotations.description_zh }}{{ . }}{{ else }}{{ .Annotations.description }}{{ end }}{{ end }}

{{ define "__alerts_zh" }}{{ range . }}
- {{ template "__status_zh" .Status }}：{{ .Labels.alertname }}{{ with .Labels.level }}（{{ . }}）{{ end }}
  摘要：{{ template "__summary_zh" . }}
  说明：{{ template "__description_zh" . }}
  开始：{{ .StartsAt.Format "2006-01-02 15:04:05 MST" }}{{ if not .EndsAt.IsZero }}，结束：{{ .EndsAt.Format "2006-01-02 15:04:05 MST" }}{{ end }}{{ with .Updates }}，期间更新 {{ . }} 次{{ end }}
  标签：{{ .Labels.SortedPairs }}{{ with .GeneratorURL }}
  来源：{{ . }}{{ end }}
{{ end }}{{ end }}
{{ define "__text_zh" }}{{ template "__subject_zh" . }}
{{ with .Alerts.Firing }}正在触发 {{ len . }} 条：{{ template "__alerts_zh" . }}{{ end -}}
{{ with .Alerts.Resolved }}已恢复 {{ len . }} 条：{{ template "__alerts_zh" . }}{{ end -}}
查看：{{ template "__alertmanagerURL" . }}{{ end }}

{{ define "slack.zh.title" }}{{ template "__subject_zh" . }}{{ end }}
{{ define "slack.zh.fallback" }}{{ template "__subject_zh" . }} | {{ template "__alertmanagerURL" . }}{{ end }}
{{ define "slack.zh.text" }}{{ template "__alerts_zh" .Alerts }}{{ end }}
{{ define "wechat.zh.message" }}{{ template "__text_zh" . }}{{ end }}
{{ define "apprise.zh.title" }}{{ template "__subject_zh" . }}{{ end }}
{{ define "apprise.zh.message" }}{{ range .Alerts }}
{{- template "__status_zh" .Status }}：{{ .Labels.alertname }}{{ with .Labels.level }}（{{ . }}）{{ end }} {{ template "__summary_zh" . }} {{ template "__description_zh" . }}
{{- with .Updates }}（期间更新 {{ . }} 次）{{ end }}{{ with .Annotations.acknowledge_url }}
确认：{{ . }}{{ end }}
{{ end }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "dingtalk.zh.title" }}{{ template "__subject_zh" . }}{{ end }}
{{ define "dingtalk.zh.message" }}### {{ template "__subject_zh" . }}
{{ range .Alerts }}
- **{{ template "__status_zh" .Status }}** {{ .Labels.alertname }}：{{ template "__summary_zh" . }} {{ template "__description_zh" . }}{{ with .Updates }}（期间更新 {{ . }} 次）{{ end }}
{{ end }}
[查看]({{ template "__alertmanagerURL" . }}){{ end }}
{{ define "email.zh.subject" }}{{ template "__subject_zh" . }}{{ end }}
{{ define "email.zh.text" }}{{ template "__text_zh" . }}{{ end }}
"""
