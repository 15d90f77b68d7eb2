"""All figures about servers, by kind. docs/metrics.md lists them.

Databases share theirs whatever their engine, and so do brokers: one rule or panel serves all.
"""

from __future__ import annotations

from typing import Final

from event_system.collectors.ports import Figure

DATABASE_LABELS: Final = ("engine", "server")
DATABASE_UP: Final = "database_server_up"
DATABASE: Final = (
    Figure(DATABASE_UP, "gauge", "Whether the database server could be read."),
    Figure("database_server_uptime_seconds", "gauge", "Since the server started."),
    Figure("database_server_response_seconds", "gauge", "Time of a statement that does nothing."),
    Figure("database_server_connections", "gauge", "Connections of clients.", ("state",)),
    Figure("database_server_connections_max", "gauge", "Connections that the server allows."),
    Figure("database_server_queries_total", "counter", "Statements that the server has run."),
    Figure("database_server_query_seconds_total", "counter", "Time that statements have taken."),
    Figure("database_server_transactions_total", "counter", "Transactions ended.", ("outcome",)),
    Figure(
        "database_server_running_slow_queries", "gauge", "Statements that have been running long."
    ),
    Figure("database_server_slow_queries_total", "counter", "Slow statements the server counted."),
    Figure("database_server_longest_query_seconds", "gauge", "The longest running statement."),
    Figure("database_server_lock_waits", "gauge", "Sessions that wait for a lock."),
    Figure(
        "database_server_longest_lock_wait_seconds", "gauge", "The longest wait for a lock now."
    ),
    Figure("database_server_lock_wait_seconds_total", "counter", "Time spent waiting for locks."),
    Figure("database_server_deadlocks_total", "counter", "Deadlocks that the server has broken."),
    Figure("database_server_size_bytes", "gauge", "Size of the database."),
    Figure("database_server_cache_hits_total", "counter", "Pages found in the server's cache."),
    Figure("database_server_cache_misses_total", "counter", "Pages that had to be read."),
)

REDIS_LABELS: Final = ("server",)
REDIS_UP: Final = "redis_server_up"
REDIS: Final = (
    Figure(REDIS_UP, "gauge", "Whether the Redis server could be read."),
    Figure("redis_server_uptime_seconds", "gauge", "Since the server started."),
    Figure("redis_server_response_seconds", "gauge", "Time of a PING."),
    Figure("redis_server_memory_used_bytes", "gauge", "Memory that the data takes."),
    Figure("redis_server_memory_max_bytes", "gauge", "Memory that the data may take."),
    Figure("redis_server_memory_rss_bytes", "gauge", "Resident memory of the server."),
    Figure("redis_server_hits_total", "counter", "Look-ups that found a key."),
    Figure("redis_server_misses_total", "counter", "Look-ups that found none."),
    Figure("redis_server_expired_total", "counter", "Keys that left as their time was over."),
    Figure("redis_server_evicted_total", "counter", "Keys that left for want of memory."),
    Figure("redis_server_keys", "gauge", "Keys.", ("database",)),
    Figure("redis_server_keys_expiring", "gauge", "Keys with a time to live.", ("database",)),
    Figure("redis_server_connections", "gauge", "Connections of clients."),
    Figure("redis_server_connections_max", "gauge", "Connections that the server allows."),
    Figure("redis_server_connections_refused_total", "counter", "Connections over that number."),
    Figure("redis_server_clients_blocked", "gauge", "Clients that wait in a blocking command."),
    Figure("redis_server_commands_total", "counter", "Commands that the server has run."),
    Figure("redis_server_received_bytes_total", "counter", "Bytes that came in."),
    Figure("redis_server_sent_bytes_total", "counter", "Bytes that went out."),
    Figure("redis_server_replicas", "gauge", "Replicas that are connected."),
)

QUEUE_LABELS: Final = ("broker", "server")
QUEUE_UP: Final = "queue_server_up"
QUEUE: Final = (
    Figure(QUEUE_UP, "gauge", "Whether the broker could be read."),
    Figure("queue_server_uptime_seconds", "gauge", "Since the broker started.", ("node",)),
    Figure("queue_server_connections", "gauge", "Connections of clients."),
    Figure("queue_server_connections_max", "gauge", "Connections that the broker allows."),
    Figure("queue_server_memory_bytes", "gauge", "Memory that the broker takes.", ("node",)),
    Figure("queue_server_memory_max_bytes", "gauge", "Memory that it may take.", ("node",)),
    Figure("queue_server_disk_free_bytes", "gauge", "Room for messages.", ("node",)),
    Figure("queue_server_disk_free_min_bytes", "gauge", "Where it takes no more.", ("node",)),
    Figure(
        "queue_server_alarms", "gauge", "Whether it takes no messages, and why.", ("node", "kind")
    ),
    Figure("queue_server_slow_consumers_total", "counter", "Clients dropped as too slow."),
    Figure("queue_depth", "gauge", "Messages that wait for a consumer.", ("queue",)),
    Figure("queue_unacknowledged", "gauge", "Messages that consumers have in hand.", ("queue",)),
    Figure("queue_stored_messages", "gauge", "Messages that are kept.", ("queue",)),
    Figure("queue_stored_bytes", "gauge", "What they take.", ("queue",)),
    Figure("queue_consumers", "gauge", "Consumers that are there.", ("queue",)),
    Figure("queue_published_total", "counter", "Messages that came in.", ("queue",)),
    Figure("queue_delivered_total", "counter", "Messages that consumers took.", ("queue",)),
    Figure("queue_redelivered_total", "counter", "Messages delivered once more.", ("queue",)),
    Figure("queue_redelivering", "gauge", "Messages that are being tried again.", ("queue",)),
    Figure("queue_latency_seconds", "gauge", "How long messages wait, estimated.", ("queue",)),
    Figure("queue_dead_letters", "gauge", "Messages in a queue of dead letters.", ("queue",)),
)
