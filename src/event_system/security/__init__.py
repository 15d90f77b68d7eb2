"""Who may use the API.

`KeyRing` (keys.py) is the entry point: it knows the names of API keys by their hashes. It
reads no files and knows no HTTP.
"""
