"""`event-system export` and `event-system import`: events to and from files of JSON lines.

`exporting.py` and `importing.py` are the commands. Files are plain, gzip or zstd; a file beside
the file remembers how far the work has come, so that the same command goes on after an
interruption.
"""
