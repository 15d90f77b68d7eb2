"""The steps from an empty database to today's tables, run by Alembic.

`versions/` has them in order; a step once released is never changed. On PostgreSQL one
transaction holds a step; on MySQL every statement commits, so a step there has to be one that
can be run again after it stopped half-way.
"""
