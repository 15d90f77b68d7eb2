"""Time series on disk: labelled samples, compressed by column, without a server beside.

`Store` (store.py) is the entry point: samples are appended to a journal and to the head in memory,
the head becomes a block file every two hours, blocks are merged by day and deleted by age and size.
It is a `promql.ports.SampleSource`. `collection/` fills it. The room knows no setting and no route.
"""
