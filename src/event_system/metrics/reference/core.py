"""Events, schedules, listeners."""

from __future__ import annotations

from typing import Final

from event_system.metrics.reference.entry import entries

EVENTS: Final = entries("""
events_triggered_total | counter | type | events | stored events, by event type | event log
event_trigger_rate | gauge | | events/s | stored events per second | event log
event_type_violations_total | counter | type, outcome | events | data that does not fit its type's schema, `refused` or `accepted` | event log
event_type_deprecated_total | counter | type | events | events of deprecated types that were sent | event log
events_duplicate_total | counter | | events | events that had been stored before, and were not again | event log
events_refused_total | counter | code | requests | refused requests to store events, by [error code](errors.md) | HTTP server
event_processing_latency_seconds | histogram | | seconds | from the trigger of an event to the end of one listener's call | listeners
event_processing_latency | gauge | | ms | mean of the same over the last minute; 0 when idle | listeners
event_processing_success_rate | gauge | | percent | listener calls without error; 100 when idle | listeners
eventlog_commit_duration_seconds | histogram | | seconds | one group commit to the event log, fsync included | event log
eventlog_commit_events | histogram | | events | events in one group commit | event log
eventlog_head_offset | gauge | | offset | offset of the newest event | event log
event_backlog | gauge | | events | by how much the listener furthest behind has fallen behind since the start; at `event.max_backlog` events are refused | listeners
messages_total | counter | | events | stored events, all types together | event log
message_size_bytes | histogram | | bytes | data of stored events | event log
message_process_time | histogram | | seconds | one call of any listener: `listener_duration_seconds` of all of them | listeners
users_active_total | gauge | | players | distinct subjects of events `player.*` stored in the last 15 minutes; a million at most | event log
""")

TIMES: Final = entries("""
scheduled_events_waiting | gauge | | events | delayed events that wait for their time | schedules
scheduled_overdue_seconds | gauge | | seconds | by how much a delayed event or a firing of a schedule is late; 0 where none is | schedules
scheduled_events_fired_total | counter | | events | delayed events and firings of schedules that went into the log | schedules
scheduled_firing_delay_seconds | histogram | | seconds | from the moment that one was due until it was in the log | schedules
""")

LISTENING: Final = entries("""
listener_duration_seconds | histogram | listener | seconds | one call of a listener | listeners
listener_events_total | counter | listener | events | events given to a listener, failed ones included | listeners
listener_errors_total | counter | listener | calls | calls of a listener that failed | listeners
listener_error_rate | gauge | | percent | calls that failed, all listeners together | listeners
listener_lag | gauge | listener | events | events that an async listener has not handled yet | listeners
listener_retries_total | counter | listener | calls | attempts after the first | listeners
listener_interrupted_total | counter | listener | calls | attempts that the end of the process cut off: of the node, counted at the next start, or of a worker process | listeners
listener_dead_letters_total | counter | listener | events | events that became dead letters | listeners
listener_retrying | gauge | listener | events | failed events that are tried again | listeners
listener_retrying_age_seconds | gauge | listener | seconds | since the oldest event that is tried again first failed; 0 where there is none | listeners
listener_dead | gauge | listener | events | dead letters that are kept | listeners
dead_letters_requeued_total | counter | | events | dead letters that operators requeued | listeners
dead_letters_discarded_total | counter | | events | dead letters that operators discarded | listeners
listener_replays_running | gauge | listener | replays | replays that are under way, or wait with their listener | listeners
listener_replay_left | gauge | listener | offsets | what a replay has still before it | listeners
listener_replayed_events_total | counter | listener | events | events that replays gave to a listener; `listener_events_total` has them too | listeners
listener_replay_errors_total | counter | listener | calls | calls of replays that failed | listeners
worker_processes_running | gauge | | processes | with `event.worker_processes`: those that take calls | worker processes
worker_process_calls | gauge | | calls | with `event.worker_processes`: calls that have not come back | worker processes
worker_process_restarts_total | counter | | processes | with `event.worker_processes`: those started in the place of one that had ended | worker processes
async_queue_length | gauge | | events | events in all channels | listeners
async_queue_full | gauge | | channels | channels that are full now | listeners
async_queue_full_events_total | counter | | times | times that a channel was full and reading for it paused | listeners
async_queue_full_rate | gauge | | percent | seconds of the last minute in which some channel was full | listeners
plugins_installed_total | gauge | | modules | modules and packages whose listeners the node has loaded | listeners
""")

BUSINESS: Final = entries("""
player_login_events_total | counter | | events | stored events `player.login` | event log
player_login_event_rate | gauge | | events/s | the same per second | event log
player_logout_events_total | counter | | events | stored events `player.logout` | event log
player_logout_event_rate | gauge | | events/s | the same per second | event log
player_level_up_events_total | counter | | events | stored events `player.level_up` | event log
player_level_up_event_rate | gauge | | events/s | the same per second | event log
activity_start_events_total | counter | | events | stored events `activity.start` | event log
activity_start_event_rate | gauge | | events/s | the same per second | event log
activity_end_events_total | counter | | events | stored events `activity.end` | event log
activity_end_event_rate | gauge | | events/s | the same per second | event log
""")
