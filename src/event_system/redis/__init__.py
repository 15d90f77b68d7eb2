"""A Redis or Valkey server that several nodes share: limits, and what they cache.

`Link` is the way to it: it says whether the server answers, and what is asked of it meanwhile
fails at once. Nothing that is kept here is the truth of anything: a node without its Redis goes on.
"""
