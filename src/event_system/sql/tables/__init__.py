"""The tables of a node on a server: one module for each room that owns some.

A module declares its tables on `metadata.METADATA`; whoever needs all of them, as the migrations
do, imports this package.
"""
