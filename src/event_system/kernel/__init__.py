"""What every room shares: errors, clock, ids, lanes, patterns, threads.

Nothing here does I/O or knows another room. Entry points are the modules themselves:
`kernel.errors` (the whole error tree), `kernel.clock`, `kernel.ids`, `kernel.lanes`,
`kernel.patterns`, `kernel.threads`.
"""
