"""The machine, the process, the metrics themselves."""

from __future__ import annotations

from typing import Final

from event_system.metrics.reference.entry import entries

PROCESS: Final = entries("""
system_cpu_usage | gauge | | percent | the machine's processors in use | operating system
system_memory_usage | gauge | | percent | the machine's memory in use | operating system
system_disk_usage | gauge | | percent | the file system with the data directory in use | operating system
system_load1 | gauge | | processes | load average over one minute | operating system
system_load5 | gauge | | processes | load average over five minutes | operating system
system_load15 | gauge | | processes | load average over 15 minutes | operating system
system_network_io | gauge | | MB/s | network traffic in both directions, loopback left out | operating system
system_network_receive_bytes_total | counter | | bytes | received by the machine, loopback left out | operating system
system_network_transmit_bytes_total | counter | | bytes | sent by the machine, loopback left out | operating system
system_disk_io | gauge | | MB/s | disk traffic in both directions | operating system
system_disk_read_bytes_total | counter | | bytes | read from the machine's disks | operating system
system_disk_write_bytes_total | counter | | bytes | written to the machine's disks | operating system
process_start_time_seconds | gauge | | seconds | when the process started, since 1970 | operating system
process_cpu_seconds_total | counter | | seconds | processor time that the process has used | operating system
system_process_cpu_usage | gauge | | percent | what the process uses of one processor | operating system
system_memory_sys_bytes | gauge | | bytes | resident memory of the process | operating system
system_memory_alloc_bytes | gauge | | bytes | the part of it that is no shared file | operating system
system_memory_heap_objects | gauge | | blocks | memory blocks that Python's allocator has handed out | Python
system_goroutines | gauge | | tasks | asyncio tasks | Python
system_cpu_threads | gauge | | threads | threads of the process | operating system
system_open_files | gauge | | files | open file descriptors of the process | operating system
system_gc_pause_total_ns | gauge | | ns | time spent in garbage collection since the start | Python
system_gc_next_bytes | gauge | | allocations | until the next collection of the youngest generation | Python
python_gc_collections_total | counter | generation | times | garbage collections | Python
cpu_usage_percent | gauge | | percent | the same as `system_cpu_usage` | operating system
cpu_load_average | gauge | minutes | processes | load average over `1`, `5` and `15` minutes | operating system
cpu_cores_count | gauge | | processors | that the machine has | operating system
memory_usage_percent | gauge | | percent | the same as `system_memory_usage` | operating system
memory_available_bytes | gauge | | bytes | that processes can still have | operating system
memory_total_bytes | gauge | | bytes | that the machine has | operating system
disk_usage_percent | gauge | | percent | the same as `system_disk_usage` | operating system
disk_free_bytes | gauge | | bytes | free on the file system with the data directory | operating system
disk_total_bytes | gauge | | bytes | the size of that file system | operating system
disk_io_read_bytes | counter | | bytes | the same as `system_disk_read_bytes_total` | operating system
disk_io_write_bytes | counter | | bytes | the same as `system_disk_write_bytes_total` | operating system
network_receive_bytes | counter | | bytes | the same as `system_network_receive_bytes_total` | operating system
network_transmit_bytes | counter | | bytes | the same as `system_network_transmit_bytes_total` | operating system
network_connections_active | gauge | | connections | TCP connections of the machine | operating system
system_memory_total_alloc_bytes | counter | | bytes | pages that the process got of the kernel since its start, all together: Python counts no allocations | operating system
""")

OWN: Final = entries("""
metrics_labels_folded_total | counter | metric | look-ups | label sets counted under `__other__` | metrics
metrics_callback_errors_total | counter | metric | times | a metric that is asked for its value at the scrape failed, and was left out | metrics
metrics_not_a_number_total | counter | metric | times | a gauge was set to NaN | metrics
metrics_collector_runs_total | counter | collector | calls | calls of collectors of listeners' modules | metrics
metrics_collector_errors_total | counter | collector, reason | calls | those that raised (`error`), took too long (`late`), or were left out as the one before is still under way (`skipped`) | metrics
metrics_collector_duration_seconds | gauge | collector | seconds | how long the last call took | metrics
""")
