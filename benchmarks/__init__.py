"""Benchmarks: `python -m benchmarks [NAME …] [--quick] [--write docs/performance.md]`.

Each module measures one thing, all its sides in the same run, in turns, and reports medians
and ratios. Nothing here is part of the product or of its tests.
"""
