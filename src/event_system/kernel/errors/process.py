"""Of a process: its directory, its files, its address."""

from __future__ import annotations

from event_system.kernel.errors.root import ConfigurationError, EventSystemError


class DataDirectoryError(EventSystemError):
    """The data directory cannot be used."""

    code = "storage.data_dir"
    title = "The data directory cannot be used"
    remedy = "Give another --data-dir, or mend the one that the detail names."


class ForeignFileError(EventSystemError):
    """A file of the data directory was made beside another log: its offsets mean other events."""

    code = "storage.foreign"
    title = "A file of the data directory belongs to another log"
    remedy = (
        "Bring back the file that belongs to this `events.db`; or move it away, and what it keeps "
        "of listeners starts as new."
    )


class DamagedFileError(EventSystemError):
    """A file of the data directory is torn or overwritten."""

    code = "storage.damaged"
    title = "A file of the data directory is damaged"
    remedy = (
        "Keep a copy of the whole data directory, do what the detail says, and look at the rest "
        "with `event-system db check`."
    )


class LogBehindError(EventSystemError):
    """Listeners have come further than the log reaches: events of the log are missing."""

    code = "storage.log_behind"
    title = "The log is older than the listeners' state"
    remedy = (
        "Bring back the newest `events.db`; or, where those events are lost for good, move "
        "`state.db` and `listeners/` away, and the listeners start as new ones."
    )


class ExposedServerError(ConfigurationError):
    """The node would listen beyond loopback without any API key."""

    code = "server.exposed"
    title = "Refusing to listen beyond this machine without an API key"
    remedy = "`event-system keys create NAME`, or `server.allow_anonymous: true` if you mean it."


class AddressInUseError(EventSystemError):
    """The node cannot listen where it should."""

    code = "server.address"
    title = "The address cannot be had"
    remedy = "Stop what uses the port, or give another `server.port` or `metrics.port`."


class ServiceError(EventSystemError):
    """A service in the background cannot be started, found or ended as it was asked for."""

    code = "service.state"
    title = "Nothing was done with the service"
    remedy = "`event-system metrics status` says what runs; `stop` ends it."
