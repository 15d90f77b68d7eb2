"""Grafana's dashboards, written down as titles and queries; `make docs` makes the JSON.

`pages.PAGES` is the entry point: the files of deploy/grafana/ and what is in each.
"""
