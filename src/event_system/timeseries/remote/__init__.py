"""Prometheus' remote write 1.0, in both directions.

`decoded` and `encoded` (wire.py) are the form on the wire, `RemoteWriter` (sending.py) keeps a
bounded queue and sends it, and tries again for as long as the receiver asks it to. `Forwarding`
(forwarding.py) stores samples and sends them on.
"""
