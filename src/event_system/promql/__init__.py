"""PromQL: queries over time series, evaluated as Prometheus does.

`Engine` is the way in. Samples come from a `SampleSource`, which `ports.py` describes; each
selector reads once, and everything after that is arithmetic over arrays of (series, steps). It
must not know where samples are kept, nor how answers travel.
"""
