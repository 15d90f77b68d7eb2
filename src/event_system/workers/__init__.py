"""Worker processes: heavy handlers run beside the node instead of in it.

`WorkerPool` (pool.py) is the node's side: it has a `Seat` for each process, which starts one, calls
handlers in it over a pipe (`link.py`), and starts another where it ends. `child.py` is the side of
the process, `frames.py` is what they say to each other. All that is promised of deliveries (order,
retries, timeouts, cursors) stays with `delivery/`: only the call crosses the pipe. This room knows
nothing of how listeners are found, nor of settings.
"""
