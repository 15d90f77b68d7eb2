"""HTTP, databases, Redis, the cluster, the cache."""

from __future__ import annotations

from typing import Final

from event_system.metrics.reference.entry import entries

REQUESTS: Final = entries("""
live_streams | gauge | | streams | open live streams of events | HTTP server
requests_in_flight | gauge | | requests | requests to store events that are under way | HTTP server
request_bytes_in_flight | gauge | | bytes | what unfinished requests and bodies over 64 KiB hold | HTTP server
http_connections | gauge | | connections | open connections to `server.port` | HTTP server
http_connections_refused_total | counter | | connections | those that were turned away, as `server.max_connections` were open | HTTP server
http_requests_total | counter | route, status | requests | answered requests; `none` is the route of those that fit none | HTTP server
http_requests_in_flight | gauge | | requests | requests that are not answered yet, live streams left out | HTTP server
http_request_duration_seconds | histogram | route | seconds | from a request's last byte (of the routes without a hot way: its headers) to its answer, live streams left out | HTTP server
http_response_size_bytes | histogram | route | bytes | bodies of answers | HTTP server
api_calls_total | counter | | requests | answered requests under `/api/` | HTTP server
connection_count | gauge | | connections | open connections to `server.port` | HTTP server
connection_rate | gauge | | connections/s | new ones per second | HTTP server
connection_errors | counter | reason | connections | those that were `refused` as too many were open, `ended` as their request was malformed, too large or too slow, or `lost` | HTTP server
""")

STORES: Final = entries("""
database_operations | counter | operation | operations | `append`: commits of the event log; with `database.enabled` also statements by their first word | log and SQL statements
database_query_time | histogram | | seconds | all operations together | log and SQL statements
database_errors | counter | operation | operations | those that failed; of `append` the requests that were refused for it | log and SQL statements
db_queries_total | counter | operation | operations | the same as `database_operations` | log and SQL statements
db_query_duration_seconds | histogram | operation | seconds | one operation | log and SQL statements
db_connections_active | gauge | | connections | with `database.enabled`: to the server, in use | connection pool
db_connections_idle | gauge | | connections | with `database.enabled`: to the server, open and free | connection pool
db_connections_waiting | gauge | | tasks | with `database.enabled`: those that wait for a connection | connection pool
db_connections_max | gauge | | connections | with `database.enabled`: `database.pool.max_open_conns` | connection pool
db_log_lag | gauge | | events | with `database.enabled`: durable in the stream of `backbone`, and not in the tables yet | log and SQL statements
db_slow_queries_total | counter | | statements | with `database.enabled`: those over `database.slow_query_threshold` | log and SQL statements
""")

REMOTE: Final = entries("""
redis_up | gauge | | | with `redis.url`: 1 while the server answers, else 0 | Redis client
redis_operations | counter | operation | calls | with `redis.url`: calls of the server | Redis client
redis_errors | counter | operation | calls | with `redis.url`: those that failed or took too long | Redis client
redis_connection_pool | gauge | state | connections | with `redis.url`: to the server, `idle` or `used` | Redis client
""")

NODES: Final = entries("""
cluster_nodes | gauge | | nodes | with `database.enabled`: those whose lease has not ended, this one included | cluster
cluster_lanes_owned | gauge | | lanes | with `database.enabled`: those that this node has | cluster
cluster_takeovers_total | counter | | lanes, listeners, tasks | with `database.enabled`: those that this node has begun with, at its start and later | cluster
cluster_nodes_given_up_total | counter | | nodes | with `database.enabled`: those that this one was the first to find gone | cluster
cluster_lease_renewals_failed_total | counter | | renewals | with `database.enabled`: of this node's lease, that failed or took too long | cluster
cluster_clock_offset_seconds | gauge | | seconds | with `database.enabled`: by how much the machine's clock is ahead of the database's | cluster
""")

CACHED: Final = entries("""
cache_hits_total | counter | level | look-ups | values found in `memory` or on `redis` | cache
cache_misses_total | counter | | look-ups | values that had to be loaded, or waited for | cache
cache_hit_rate | gauge | | percent | look-ups that found a value; 100 when nobody has asked | cache
cache_operations_duration_seconds | histogram | operation | seconds | `get`, `load`, `invalidate` | cache
cache_load_errors_total | counter | | loads | loads that failed | cache
cache_invalidations_total | counter | | times | invalidations, of this node and heard of others | cache
cache_evictions_total | counter | | values | left memory for want of room | cache
cache_expirations_total | counter | | values | left memory as their time was over | cache
cache_oversized_total | counter | | values | over `cache.max_value_size`, and not kept | cache
cache_entries | gauge | | values | in memory | cache
cache_size_bytes | gauge | | bytes | what they take | cache
""")

STORED: Final = entries("""
metrics_store_samples_appended_total | counter | | samples | samples that the store took | time-series store
metrics_store_samples_refused_total | counter | reason | samples | those that it did not: `out_of_order`, `duplicate`, `future`, `series_limit`, `failed` | time-series store
metrics_store_series | gauge | | series | series with samples of the last hours | time-series store
metrics_store_blocks | gauge | | files | files of older samples | time-series store
metrics_store_size_bytes | gauge | | bytes | what all files take | time-series store
metrics_store_damaged_parts | gauge | | parts | parts of files that cannot be read | time-series store
prometheus_remote_storage_samples_total | counter | remote_name, url | samples | samples that were sent to a receiver of `metrics.remote_write`, counted at each attempt | remote write
prometheus_remote_storage_samples_failed_total | counter | remote_name, url | samples | those that cannot be sent, or that the receiver refused for good | remote write
prometheus_remote_storage_samples_dropped_total | counter | remote_name, url | samples | those that `queue_samples` left no room for | remote write
prometheus_remote_storage_samples_retried_total | counter | remote_name, url | samples | those of attempts that failed and are made again | remote write
prometheus_remote_storage_samples_pending | gauge | remote_name, url | samples | those that wait, or are under way | remote write
prometheus_remote_storage_bytes_total | counter | remote_name, url | bytes | requests that came to an end, packed, each once | remote write
prometheus_remote_storage_sent_batch_duration_seconds | histogram | remote_name, url | seconds | time until a request came to an end, with all attempts | remote write
prometheus_remote_storage_queue_highest_sent_timestamp_seconds | gauge | remote_name, url | seconds since 1970 | the newest time of a sample that the receiver has taken; 0 before the first | remote write
prometheus_remote_storage_highest_timestamp_in_seconds | gauge | | seconds since 1970 | the newest time of a sample that is to be sent; 0 before the first, or without receivers | remote write
prometheus_sd_file_read_errors_total | counter | | readings | readings of files of `file_sd_configs` that failed; the last good targets stay | target files
prometheus_sd_file_mtime_seconds | gauge | filename | seconds since 1970 | when a file of `file_sd_configs` was changed last, as it was read | target files
""")

EVALUATED: Final = entries("""
prometheus_rule_evaluations_total | counter | rule_group | evaluations | evaluations of rules; a group is named by its file and name | rules
prometheus_rule_evaluation_failures_total | counter | rule_group | evaluations | those that failed | rules
prometheus_rule_evaluation_duration_seconds | summary | | seconds | one evaluation of a rule | rules
prometheus_rule_group_duration_seconds | summary | | seconds | one evaluation of a group | rules
prometheus_rule_group_iterations_total | counter | rule_group | turns | turns of a group, those that it missed included | rules
prometheus_rule_group_iterations_missed_total | counter | rule_group | turns | turns that a group missed, as the one before took longer than the interval | rules
prometheus_rule_group_interval_seconds | gauge | rule_group | seconds | how often a group is evaluated | rules
prometheus_rule_group_last_duration_seconds | gauge | rule_group | seconds | how long the last evaluation of a group took | rules
prometheus_rule_group_last_evaluation_timestamp_seconds | gauge | rule_group | seconds since 1970 | when a group was evaluated last; 0 before the first time | rules
prometheus_rule_group_last_evaluation_samples | gauge | rule_group | samples | what the last evaluation of a group gave | rules
prometheus_rule_group_rules | gauge | rule_group | rules | rules of a group | rules
""")

ALERTED: Final = entries("""
alertmanager_alerts | gauge | state | alerts | those that fire: `active`, or `suppressed` by a silence or another alert; counted every five seconds | alerting
alertmanager_alerts_received_total | counter | status, version | reports | reports of alerts that came in, `firing` or `resolved` | alerting
alertmanager_alerts_invalid_total | counter | version | reports | reports that were refused | alerting
alertmanager_silences | gauge | state | silences | silences: `active`, `pending`, `expired` | alerting
alertmanager_dispatcher_aggregation_groups | gauge | | groups | groups of alerts | alerting
alertmanager_receivers | gauge | | receivers | receivers of the configuration | alerting
alertmanager_notifications_total | counter | integration | notifications | notifications, by the kind of channel, those that failed included | alerting
alertmanager_notifications_failed_total | counter | integration | notifications | those that failed for good | alerting
alertmanager_notification_requests_total | counter | integration | attempts | attempts to notify | alerting
alertmanager_notification_requests_failed_total | counter | integration | attempts | attempts that failed | alerting
""")

ANSWERED: Final = entries("""
incidents_opened_total | counter | level, origin | incidents | incidents that were opened, with the level that they had then: by an `alert`, by the `watchdog`, by an `operator` who has split one | incidents
incidents_resolved_total | counter | level, origin | times | ends, those of incidents that were reopened included: by themselves once each `alert` was over, or by an `operator` | incidents
incidents_open | gauge | state | incidents | those that are open, by how far the response is | incidents
incident_acknowledge_seconds | histogram | level | seconds | from when an incident was opened until somebody answered for the first time | incidents
incident_resolve_seconds | histogram | level | seconds | from the start of the first alert until the end, each time that there was one | incidents
incident_pages_total | counter | method, outcome | messages | messages to people: `sent`, `retried` or `failed` | incidents
slo_objective_ratio | gauge | service, window | ratio | of each [objective](incidents.md#reports-and-objectives): the share of its window that is to be good | incidents
slo_window_seconds | gauge | service, window | seconds | the window that it is for | incidents
slo_error_budget_left_ratio | gauge | service, window | ratio | what is left of its error budget: 1 is all of it, 0 nothing, and less where it was missed | incidents
slo_error_budget_burn_rate | gauge | service, window, over | ratio | how fast the budget burns: 1 just uses it up in the window; `over` the last 5m, 30m, 1h, 6h or 3d, looked at every 15 s | incidents
""")
