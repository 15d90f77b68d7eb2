"""Benchmarks: `python -m benchmarks [NAME …] [--quick] [--write docs/performance.md]`.

Each module measures one thing: `run(run)` measures all sides back to back in every round and
adds rows. `load.py` makes the load and checks that what was accepted was stored, `fill.py`
stores much in advance, `harness.py` starts processes, `report.py` keeps what came out. Nothing
here is part of the product or of its tests.
"""
