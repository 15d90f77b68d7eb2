"""The API's documentation pages, made on the node itself: they work offline, without scripts.

`Manual` (manual.py) is the entry point; `reading.py` turns an OpenAPI document into what the
templates in `pages/` show. It must not know the routes it describes.
"""
