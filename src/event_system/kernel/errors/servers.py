"""Of the servers that a node stands on: databases, backbones, Redis; and of sharing them."""

from __future__ import annotations

from event_system.kernel.errors.root import (
    ConfigurationError,
    EventSystemError,
    StorageError,
    UnavailableError,
)


class InvalidDsnError(ConfigurationError):
    """The address of a database cannot be used."""

    code = "database.dsn"
    title = "The address of the database cannot be used"
    remedy = "Mend `database.dsn`; docs/configuration.md shows its forms."


class MissingDriverError(ConfigurationError):
    """The libraries that speak to this kind of database are not installed."""

    code = "database.driver"
    title = "The driver of the database is not installed"
    remedy = "Run the `pip install` line that the detail names."


class DatabaseRefusedError(ConfigurationError):
    """The server answers, but does not let this user into this database, or lacks a right."""

    code = "database.refused"
    title = "The database server refuses"
    remedy = "Check user, password and database of `database.dsn`, and the user's rights."


class DatabaseUnreachableError(StorageError):
    """The database server is away, or too busy, to answer in time."""

    code = "database.unreachable"
    title = "The database server does not answer"
    remedy = "Look at the server and the way to it; the node goes on by itself once it answers."


class DatabaseBusyError(StorageError):
    """No connection came free, or a lock was held too long."""

    code = "database.busy"
    title = "The database is too busy"
    remedy = "Try again after the seconds in Retry-After; `database.pool` bounds the connections."


class DatabaseConflictError(StorageError):
    """The transaction collided with others again and again."""

    code = "database.conflict"
    title = "The transaction collided with others"
    remedy = "Try again after the seconds in Retry-After."


class MissingBackboneError(ConfigurationError):
    """The library that speaks to this kind of backbone is not installed."""

    code = "backbone.driver"
    title = "The client of the event backbone is not installed"
    remedy = "Run the `pip install` line that the detail names."


class BackboneRefusedError(ConfigurationError):
    """The backbone's servers refuse this user, or the stream is not as it has to be."""

    code = "backbone.refused"
    title = "The event backbone cannot be used as it is"
    remedy = "Mend what the detail names; docs/scaling.md says how the stream has to be."


class BackboneMismatchError(EventSystemError):
    """The stream and the database are not of one log, or one of them has lost events."""

    code = "backbone.mismatch"
    title = "The event backbone and the database do not belong together"
    remedy = "Bring back the one that the detail names; docs/scaling.md says how each is restored."


class BackboneUnreachableError(StorageError):
    """The backbone's servers are away, or have no leader, and do not acknowledge."""

    code = "backbone.unreachable"
    title = "The event backbone does not answer"
    remedy = "Look at its servers and the way to them; the node goes on by itself once they answer."


class BackboneLagError(StorageError):
    """The database is so far behind the backbone that duplicates could not be found any more."""

    code = "backbone.lag"
    title = "The database lags behind the event backbone"
    remedy = "Look at the database: events wait in the backbone until it has taken them over."


class BackboneTooLargeError(EventSystemError):
    """A batch, or one event, is larger than the backbone takes at once; nothing was stored."""

    code = "backbone.too_large"
    title = "More than the event backbone takes at once"
    status = 413
    remedy = (
        "Send less at once, or raise `max_payload` and `jetstream.limits.batch.max_msgs` of "
        "the NATS servers, `max.message.bytes` of the Kafka topic, then `backbone.max_batch`."
    )


class NewerDatabaseError(EventSystemError):
    """The tables are those of a newer version of event-system."""

    code = "database.newer"
    title = "The database belongs to a newer version"
    remedy = "Run that version, or take the database back with its `event-system db rollback`."


class MigrationError(EventSystemError):
    """The tables could not be brought up to date."""

    code = "database.migration"
    title = "The database could not be migrated"
    remedy = "Mend what the detail names and start again: what is done already stays done."


class LeaseHeldError(EventSystemError):
    """Nodes are at work on the tables that are to be changed."""

    code = "lease.held"
    title = "Other nodes are at work"
    remedy = (
        "Stop the nodes that the detail names; one that has died is at work no more "
        "once its lease ends, seconds later."
    )


class LeaseLostError(StorageError):
    """The node no longer holds what it needs to write; another may hold it now."""

    code = "lease.lost"
    title = "The node has lost its lease"
    remedy = "The node enters again by itself; look at its way to the database, and for stalls."


class MissingRedisError(ConfigurationError):
    """The client of Redis is not installed."""

    code = "redis.client"
    title = "The client of Redis is not installed"
    remedy = "Run the `pip install` line that the detail names, or set `redis.url: null`."


class RedisUnreachableError(UnavailableError):
    """The Redis server is away, refuses, or takes longer than `redis.timeout`."""

    code = "redis.unreachable"
    title = "Redis does not answer"
    remedy = "Look at the server, `redis.url` and the user's rights; the node goes on meanwhile."
