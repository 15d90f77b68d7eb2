"""SQLite files as files: whether they are sound, how large, and how to make them small again.

`files.py` is all of it. What is in the tables is the business of the rooms that own them.
"""
