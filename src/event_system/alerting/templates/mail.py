"""The HTML of mails, in English and Chinese.

Styles stand at the elements, as many mail programs drop a style sheet; the sheet only turns the
colours where the reader wants it dark.
"""

from __future__ import annotations

from typing import Final

_HEAD: Final = """
{{ define "__mail_head" }}<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<style>
:root { color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background: #14171c !important; color: #e3e6ea !important; }
  .card { background: #1f242b !important; border-color: #39414c !important; }
  .quiet { color: #9aa4b1 !important; }
  .link { color: #7db4ff !important; }
  .pill { background: #333b46 !important; color: #d5dae1 !important; }
}
</style>{{ end }}
{{ define "__mail_page" }}margin:0;padding:24px 12px;background:#f3f5f7;color:#1c2330;\
font:14px/1.5 -apple-system,'Segoe UI',Roboto,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif{{ end }}
{{ define "__mail_card" }}max-width:640px;margin:0 auto 12px;background:#ffffff;border:1px solid #dfe3e8;\
border-radius:8px;overflow:hidden{{ end }}
{{ define "__mail_bar" }}padding:14px 20px;color:#ffffff;font-size:18px;font-weight:600;background:\
{{ if eq . "firing" }}#b42318{{ else }}#1a7f47{{ end }}{{ end }}
{{ define "__mail_left" }}border-left:4px solid {{ if eq . "firing" }}#d92d20{{ else }}#2da160{{ end }};\
padding:12px 16px{{ end }}
{{ define "__mail_labels" }}<div style="margin-top:8px">{{ range . }}<span class="pill" \
style="display:inline-block;margin:0 4px 4px 0;padding:1px 8px;border-radius:10px;background:#eceff3;\
color:#3b4554;font-size:12px;word-break:break-all">{{ .Name }}={{ .Value }}</span> {{ end }}</div>{{ end }}
"""

_LANGUAGE: Final = """
{{ define "__mail_alert_LANG" }}<div class="card" style="{{ template "__mail_card" . }}">
<div style="{{ template "__mail_left" .Status }}">
<div style="font-size:16px;font-weight:600">{{ .Labels.alertname }}{{ with .Labels.level }} · {{ . }}{{ end }}</div>
SUMMARY
<div class="quiet" style="margin-top:6px;color:#667085;font-size:12px">\
SINCE {{ .StartsAt.Format "2006-01-02 15:04:05 MST" }}\
{{ if not .EndsAt.IsZero }} · UNTIL {{ .EndsAt.Format "2006-01-02 15:04:05 MST" }}{{ end }}\
{{ with .Updates }} · UPDATES{{ end }}</div>
{{ template "__mail_labels" .Labels.SortedPairs }}
<div style="margin-top:8px">\
{{ with .Annotations.acknowledge_url }}<a class="link" style="color:#175cd3" href="{{ . }}">ACKNOWLEDGE</a> &nbsp; {{ end }}\
{{ with .Annotations.runbook_url }}<a class="link" style="color:#175cd3" href="{{ . }}">RUNBOOK</a> &nbsp; {{ end }}\
{{ with .GeneratorURL }}<a class="link" style="color:#175cd3" href="{{ . }}">SOURCE</a>{{ end }}</div>
</div></div>
{{ end }}
{{ define "email.KIND.html" }}<!DOCTYPE html>
<html lang="LANG"><head>{{ template "__mail_head" . }}<title>{{ template "SUBJECT" . }}</title></head>
<body class="page" style="{{ template "__mail_page" . }}">
<div class="card" style="{{ template "__mail_card" . }}">
<div style="{{ template "__mail_bar" .Status }}">HEADLINE</div>
<div style="padding:12px 20px">
{{ template "__mail_labels" .GroupLabels.SortedPairs }}
<a class="link" style="color:#175cd3" href="{{ template "__alertmanagerURL" . }}">VIEW</a>
</div></div>
{{ range .Alerts.Firing }}{{ template "__mail_alert_LANG" . }}{{ end }}
{{ range .Alerts.Resolved }}{{ template "__mail_alert_LANG" . }}{{ end }}
</body></html>{{ end }}
"""
_LINE: Final = '<div style="margin-top:4px">%s</div>'
_ENGLISH: Final = {
    "KIND": "default",
    "LANG": "en",
    "SUBJECT": "__subject",
    "SUMMARY": (
        "{{ with .Annotations.summary }}" + _LINE % "{{ . }}" + "{{ end }}"
        "{{ with .Annotations.description }}" + _LINE % "{{ . }}" + "{{ end }}"
    ),
    "SINCE": "since",
    "UNTIL": "until",
    "UPDATES": "{{ . }} update{{ if gt . 1 }}s{{ end }}",
    "ACKNOWLEDGE": "Acknowledge",
    "RUNBOOK": "Runbook",
    "SOURCE": "Source",
    "HEADLINE": (
        '{{ if eq .Status "firing" }}{{ len .Alerts.Firing }} firing'
        "{{ with .Alerts.Resolved }}, {{ len . }} resolved{{ end }}"
        "{{ else }}{{ len .Alerts.Resolved }} resolved{{ end }}"
    ),
    "VIEW": "View all alerts",
}
_CHINESE: Final = {
    "KIND": "zh",
    "LANG": "zh",
    "SUBJECT": "__subject_zh",
    "SUMMARY": (
        _LINE % '{{ template "__summary_zh" . }}' + _LINE % '{{ template "__description_zh" . }}'
    ),
    "SINCE": "开始",
    "UNTIL": "结束",
    "UPDATES": "期间更新 {{ . }} 次",
    "ACKNOWLEDGE": "确认告警",
    "RUNBOOK": "处理手册",
    "SOURCE": "来源",
    "HEADLINE": (
        '{{ if eq .Status "firing" }}{{ len .Alerts.Firing }} 条告警正在触发'
        "{{ with .Alerts.Resolved }}，{{ len . }} 条已恢复{{ end }}"
        "{{ else }}{{ len .Alerts.Resolved }} 条告警已恢复{{ end }}"
    ),
    "VIEW": "查看全部告警",
}


def _in(words: dict[str, str]) -> str:
    """The text of one language."""
    found = _LANGUAGE
    for name, text in words.items():
        found = found.replace(name, text)
    return found


MAIL: Final = _HEAD + _in(_ENGLISH) + _in(_CHINESE)
