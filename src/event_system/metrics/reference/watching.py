"""What operators watch, and the query that tells it."""

from __future__ import annotations

from typing import Final

WATCHED: Final = tuple(
    tuple(cell.strip() for cell in line.split(" :: "))
    for line in """
events triggered, per second :: event_trigger_rate
latency of events, ms :: event_processing_latency
latency of events, 95 of 100 within :: histogram_quantile(0.95, rate(event_processing_latency_seconds_bucket[5m]))
events handled without error, percent :: event_processing_success_rate
async queues: length, share of time in which one was full :: async_queue_length :: async_queue_full_rate
listeners: mean time of a call in ms, errors in percent :: 1000 * sum(rate(listener_duration_seconds_sum[5m])) / sum(rate(listener_duration_seconds_count[5m])) :: listener_error_rate
logins, log-outs, level-ups, starts and ends of activities, per second :: player_login_event_rate :: player_logout_event_rate :: player_level_up_event_rate :: activity_start_event_rate :: activity_end_event_rate
processors, memory, disk in use, percent :: system_cpu_usage :: system_memory_usage :: system_disk_usage
load for each processor :: system_load5 / cpu_cores_count
network, disk traffic, MB/s :: system_network_io :: system_disk_io
database: connections in use, of those there may be :: db_connections_active / db_connections_max
database: mean time of an operation, ms :: 1000 * rate(database_query_time_sum[5m]) / rate(database_query_time_count[5m])
database: slow statements a minute :: 60 * rate(db_slow_queries_total[5m])
database: growth a day, longest wait for a lock :: 86400 * deriv(database_server_size_bytes[6h]) :: database_server_longest_lock_wait_seconds
Redis: memory in use, look-ups that found a key, keys that expired :: redis_server_memory_used_bytes / redis_server_memory_max_bytes :: rate(redis_server_hits_total[5m]) / (rate(redis_server_hits_total[5m]) + rate(redis_server_misses_total[5m])) :: rate(redis_server_expired_total[5m])
the node's cache: look-ups that found a value, percent :: cache_hit_rate
brokers: depth, latency, consumers, dead letters of queues :: queue_depth :: queue_latency_seconds :: queue_consumers :: queue_dead_letters
the event log as a queue: events behind, dead letters of listeners :: listener_lag :: listener_dead
API: mean time, 95 of 100 within :: sum(rate(http_request_duration_seconds_sum[5m])) / sum(rate(http_request_duration_seconds_count[5m])) :: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))
API: errors of the server among all answers, answers by status :: sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) :: sum by (status) (rate(http_requests_total[5m]))
API: requests per second, connections, requests ended as they were too slow or malformed :: rate(api_calls_total[5m]) :: connection_count :: rate(connection_errors{reason="ended"}[5m])
background work: waiting, late, delay of firings :: scheduled_events_waiting :: scheduled_overdue_seconds :: histogram_quantile(0.95, rate(scheduled_firing_delay_seconds_bucket[5m]))
incidents: open, 90 of 100 answered within, ended within, of the last 30 days :: sum(incidents_open) :: histogram_quantile(0.9, sum by (level, le) (increase(incident_acknowledge_seconds_bucket[30d]))) :: histogram_quantile(0.9, sum by (level, le) (increase(incident_resolve_seconds_bucket[30d])))
background work: retries among calls, failed events that are tried again :: sum(rate(listener_retries_total[5m])) / sum(rate(listener_events_total[5m])) :: listener_retrying
""".strip().splitlines()
)
"""What it is, and one query or more."""


def watched_markdown() -> str:
    """The table of all of them."""
    rows = [f"| {what} | {'<br>'.join(map(_code, queries))} |" for what, *queries in WATCHED]
    return "\n".join(["| what | query |", "|---|---|", *rows])


def _code(query: str) -> str:
    return f"`{query}`"
