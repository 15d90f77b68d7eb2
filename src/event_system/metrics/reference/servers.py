"""What servers around the node say of themselves."""

from __future__ import annotations

from typing import Final

from event_system.metrics.reference.entry import entries

DATABASES: Final = entries("""
database_server_up | gauge | engine, server | | 1 after a look that succeeded, else 0 and the only figure of that server | the server
database_server_uptime_seconds | gauge | engine, server | seconds | since the server started | the server
database_server_response_seconds | gauge | engine, server | seconds | time of a statement that does nothing | the server
database_server_connections | gauge | engine, server, state | connections | by `state`: PostgreSQL's own words, `active` and `idle` of MySQL | the server
database_server_connections_max | gauge | engine, server | connections | that the server allows | the server
database_server_queries_total | counter | engine, server | statements | run by the server; of PostgreSQL in this database, and with the extension `pg_stat_statements` only | the server
database_server_query_seconds_total | counter | engine, server | seconds | what these have taken; of MySQL with its `performance_schema` only | the server
database_server_transactions_total | counter | engine, server, outcome | transactions | ended, by `outcome`: `commit` or `rollback`; of PostgreSQL in this database | the server
database_server_running_slow_queries | gauge | engine, server | statements | running now for `metrics.collectors.slow_query` and longer | the server
database_server_slow_queries_total | counter | engine, server | statements | slow ones by MySQL's own count (`long_query_time`) | the server
database_server_longest_query_seconds | gauge | engine, server | seconds | how long the longest running statement has been running | the server
database_server_lock_waits | gauge | engine, server | sessions | those that wait for a lock | the server
database_server_longest_lock_wait_seconds | gauge | engine, server | seconds | how long the longest of them has waited; 0 where there is none | the server
database_server_lock_wait_seconds_total | counter | engine, server | seconds | waits for row locks that have ended; MySQL only | the server
database_server_deadlocks_total | counter | engine, server | deadlocks | broken by the server; of PostgreSQL in this database | the server
database_server_size_bytes | gauge | engine, server | bytes | the database, read once a minute; `deriv()` of it is its growth | the server
database_server_cache_hits_total | counter | engine, server | pages | found in the server's cache | the server
database_server_cache_misses_total | counter | engine, server | pages | that the server had to read | the server
""")

REDIS_SERVERS: Final = entries("""
redis_server_up | gauge | server | | 1 after a look that succeeded, else 0 and the only figure of that server | the server
redis_server_uptime_seconds | gauge | server | seconds | since the server started | the server
redis_server_response_seconds | gauge | server | seconds | time of a PING | the server
redis_server_memory_used_bytes | gauge | server | bytes | memory that the data takes | the server
redis_server_memory_max_bytes | gauge | server | bytes | `maxmemory`, or the machine's memory where the server has no limit | the server
redis_server_memory_rss_bytes | gauge | server | bytes | resident memory of the server | the server
redis_server_hits_total | counter | server | look-ups | look-ups that found a key | the server
redis_server_misses_total | counter | server | look-ups | look-ups that found none | the server
redis_server_expired_total | counter | server | keys | keys that left as their time was over | the server
redis_server_evicted_total | counter | server | keys | keys that left for want of memory | the server
redis_server_keys | gauge | server, database | keys | keys | the server
redis_server_keys_expiring | gauge | server, database | keys | keys with a time to live | the server
redis_server_connections | gauge | server | connections | connections of clients | the server
redis_server_connections_max | gauge | server | connections | connections that the server allows | the server
redis_server_connections_refused_total | counter | server | connections | connections over that number | the server
redis_server_clients_blocked | gauge | server | clients | clients that wait in a blocking command | the server
redis_server_commands_total | counter | server | commands | commands that the server has run | the server
redis_server_received_bytes_total | counter | server | bytes | bytes that came in | the server
redis_server_sent_bytes_total | counter | server | bytes | bytes that went out | the server
redis_server_replicas | gauge | server | replicas | replicas that are connected | the server
""")

QUEUES: Final = entries("""
queue_server_up | gauge | broker, server | | 1 after a look that succeeded, else 0 and the only figure of that broker | the server
queue_server_uptime_seconds | gauge | broker, server, node | seconds | since the broker started | the server
queue_server_connections | gauge | broker, server | connections | connections of clients | the server
queue_server_connections_max | gauge | broker, server | connections | connections that the broker allows | the server
queue_server_memory_bytes | gauge | broker, server, node | bytes | memory that the broker takes | the server
queue_server_memory_max_bytes | gauge | broker, server, node | bytes | memory that it may take | the server
queue_server_disk_free_bytes | gauge | broker, server, node | bytes | room for messages: on RabbitMQ's disk, in the store of JetStream | the server
queue_server_disk_free_min_bytes | gauge | broker, server, node | bytes | below that RabbitMQ takes no more | the server
queue_server_alarms | gauge | broker, server, node, kind | | by `kind`: RabbitMQ takes no messages for want of `memory` or `disk`, or the node is `down` | the server
queue_server_slow_consumers_total | counter | broker, server | clients | that NATS has dropped as too slow | the server
queue_depth | gauge | broker, server, queue | messages | that wait for a consumer: of a RabbitMQ queue, of a consumer `stream/consumer` of JetStream | the server
queue_unacknowledged | gauge | broker, server, queue | messages | that consumers have in hand | the server
queue_stored_messages | gauge | broker, server, queue | messages | in a RabbitMQ queue, in a stream of JetStream | the server
queue_stored_bytes | gauge | broker, server, queue | bytes | what these take | the server
queue_consumers | gauge | broker, server, queue | consumers | that are there; of JetStream those that ask for messages at this moment | the server
queue_published_total | counter | broker, server, queue | messages | that came in | the server
queue_delivered_total | counter | broker, server, queue | messages | that consumers took | the server
queue_redelivered_total | counter | broker, server, queue | messages | delivered once more; RabbitMQ | the server
queue_redelivering | gauge | broker, server, queue | messages | that are being tried again; JetStream | the server
queue_latency_seconds | gauge | broker, server, queue | seconds | how long messages wait: `queue_depth` over the rate at which they are taken (Little's law), or, while none is taken, the time since one was | the server
queue_dead_letters | gauge | broker, server, queue | messages | in queues and streams for dead letters: those that `metrics.collectors.dead_letters` names, and RabbitMQ's that another queue names | the server
""")
