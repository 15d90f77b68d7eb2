"""Whether what is kept agrees: the log, and all that is made from it or points into it.

`verify` (verify.py) walks the log and holds everything else against it; the log is the truth.
`kinds.py` lists what can be found, each with a code, a remedy and what a repair does; `ports.py`
is what a store has to tell and mend. It knows neither SQL nor files, and nothing of a node.
"""
