"""The application's routes by what they serve; each module lists its own in `ROUTES`.

A handler reads its parameters, asks a port, and shapes the answer; nothing is decided here.
"""
