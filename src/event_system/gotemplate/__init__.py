"""Go's template language, as far as Prometheus' rules and Alertmanager's receivers use it.

`parser.py` turns text into `nodes.py`, `running.py` runs these over the values of `values.py`,
`functions.py` holds what may be called. Everything is bounded: sizes, steps, depth, and what can be
reached is listed name by name. It must not know what templates are about: who uses it brings the
values and the functions of its own.
"""
