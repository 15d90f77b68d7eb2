"""The alerts that are shipped: rule files, their unit tests, runbooks and the table of docs/alerts.md.

`catalogue/` has the alerts by topic, `guides.yaml` what their runbooks share, `thresholds.yaml`
every threshold that has to have an alert. `pages.PAGES` is all that is made of them.
"""
