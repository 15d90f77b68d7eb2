"""Several nodes on one database: who is there, and which of them has what.

`Membership` (membership.py) is a node's place among the others, `balance` (balance.py) decides
what it gives back and what it asks for, `ClusterClock` (clock.py) is the time that all go by.
Nothing here knows what a lane is.
"""
