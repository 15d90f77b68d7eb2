"""The command `event-system`: one module a group of commands.

`main.py` is the entry point; it loads a group's module only when that group is used, so that
`event-system --version` and `serve` start fast. This room may import every other one.
"""
