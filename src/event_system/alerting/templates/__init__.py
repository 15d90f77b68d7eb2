"""Notification templates, in Go's template language as far as Alertmanager's receivers use it.

`Templates` (templates.py) is the entry point: a set of named templates, rendered as text or as
HTML by the room `gotemplate`. `values.py` is what they see, `defaults.py` what is there without an
operator's own.
"""
