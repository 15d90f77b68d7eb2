"""`python -m event_system.cli` is the command `event-system`."""

from event_system.cli.main import main

main()
