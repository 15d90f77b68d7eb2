"""The catalogue of event types: what may be sent, and what its data looks like.

`catalogue.py` holds the entries and is where a node asks; `rules.py` is what one type's entry
means for an event on its way in. Schemas are JSON Schema. Knows no files, no HTTP: entries
come from a `CatalogueStore`, or are declared by whoever builds the node.
"""
