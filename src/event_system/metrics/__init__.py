"""What the node counts and measures, and how it shows it.

`MetricsManager` (manager.py) is the entry point: it registers counters, gauges and histograms
and hands out their cheap children. `EventMetrics` (instruments.py) holds those of the event
core, `SystemCollector` (system.py) those of machine and process; `metrics_app` (server.py)
serves all of them in Prometheus' formats. Instruments belong to the event loop's thread. This
room knows events; it knows no listener's state, no HTTP route and no settings.
"""
