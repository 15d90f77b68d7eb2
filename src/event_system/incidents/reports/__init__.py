"""What a period was like: how fast people answered, how long services were down, what is left.

`monthly.py` is the entry point: the report of a month from its incidents, which `gathering.py`
collects from the manager and `rendering.py` writes as Markdown. The measures (`measures.py`) and
objectives (`objectives.py`) are pure; each says its definition and where it comes from.
"""
