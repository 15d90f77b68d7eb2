"""How samples come into the store: this node's own, and those of targets that are scraped.

`Scraper` (scraping.py) asks targets as Prometheus does, `OwnMetrics` (own.py) takes the node's own
figures, `Recorder` (recording.py) stores a round of either and ends the series that are gone.
It knows no setting: what is to be scraped comes as `ScrapeJob`s (jobs.py).
"""
