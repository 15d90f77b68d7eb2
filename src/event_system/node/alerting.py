"""The alert pipeline inside a node."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from dataclasses import replace
from typing import Final

from event_system.alerting.announcing import AnnouncedAlerting
from event_system.alerting.configuration import Configuration, Receiver
from event_system.alerting.defaults import default_configuration
from event_system.alerting.deliveries import Deliveries
from event_system.alerting.flapping import Flapping
from event_system.alerting.forgotten import Reminders
from event_system.alerting.manager import AlertManager, Options
from event_system.alerting.matchers import parse_matchers
from event_system.alerting.notification import Notification
from event_system.alerting.ports import Channel
from event_system.alerting.routes import Route, RouteOptions
from event_system.alerting.sending import Integration, Sender
from event_system.events.outbox import Outbox
from event_system.kernel.clock import Clock
from event_system.kernel.records import Records
from event_system.kernel.tasks import end
from event_system.node.alerting_metrics import Samples, states_of
from event_system.node.settings import Settings

INCIDENTS: Final = "incidents"
LEVELS_OF_INCIDENTS: Final = "P0|P1|P2"
SEVERITIES_OF_INCIDENTS: Final = "critical|warning"
"""Those of the same levels, where an alert names none."""
WATCHDOG: Final = "Watchdog"
"""An alert that always fires: incidents hear it every so often, or notice that they do not."""
TO_WATCHDOG: Final = "incidents/watchdog"
SECOND_US: Final = 1_000_000
COUNT_SECONDS: Final = 5.0
WATCHDOG_US: Final = 30 * SECOND_US
_log = logging.getLogger(__name__)


class Alerting:
    """A part of `Operations`: the `AlertManager`, by the node's settings.

    `incidents` gets each alert of a level that makes an incident, by itself, before all others.
    """

    name = "alerting"

    def __init__(
        self,
        settings: Settings,
        given: Configuration | None,
        records: Records,
        outbox: Outbox,
        clock: Clock,
        incidents: Channel | None,
    ) -> None:
        self._incidents = incidents
        self._is_watched = settings.incidents.watchdog is not None
        self._counting: asyncio.Task[None] | None = None
        self.states: Samples = {}
        self._deliveries = Deliveries(records, clock.now_us)
        self.manager = AlertManager(
            self._whole(given),
            AnnouncedAlerting(records, outbox),
            Sender(clock.monotonic, os.urandom, self._deliveries),
            clock,
            lambda: str(uuid.uuid4()),
            _options(settings),
        )

    def _whole(self, given: Configuration | None) -> Configuration:
        if given is None:
            _log.info("alerting.config_file is not set: alerts are kept, nobody is notified")
        return with_own_routes(
            given or default_configuration(), self._incidents, is_watched=self._is_watched
        )

    async def start(self) -> None:
        """Raises `StorageError`."""
        await self._deliveries.start()
        try:
            await self.manager.start()
        except BaseException:
            await self._deliveries.stop()
            raise
        self._counting = asyncio.get_running_loop().create_task(self._count(), name="alerting")

    async def _count(self) -> None:
        while True:
            self.states = await states_of(self.manager)
            await asyncio.sleep(COUNT_SECONDS)

    async def stop(self) -> None:
        if self._counting is not None:
            await end(self._counting)
        await self.manager.stop()
        await self._deliveries.stop()

    async def take_over(self, given: Configuration | None) -> None:
        """Go on by another configuration."""
        await self.manager.reload(self._whole(given))

    def trouble(self) -> str:
        return self.manager.trouble()


def external_url(settings: Settings) -> str:
    """Where people reach this node."""
    given = settings.alerting.external_url
    return given or f"http://{socket.gethostname()}:{settings.server.port}"


def _options(settings: Settings) -> Options:
    alerting = settings.alerting
    retention_us = round(alerting.retention.total_seconds() * SECOND_US)
    return Options(
        external_url(settings),
        alerting.recovery_notices,
        retention_us,
        keep_beginning=True,
        flapping=Flapping(),
        reminders=Reminders(),
    )


class _Lasting:
    """A channel that outlives the configurations that it is in."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def send(self, notification: Notification) -> None:
        await self._channel.send(notification)

    async def close(self) -> None:
        """Its owner closes it."""


def with_own_routes(
    configuration: Configuration, incidents: Channel | None, *, is_watched: bool
) -> Configuration:
    """The configuration with first routes of the node's own; what it had stays as it was.

    The tree goes below a new root beside these: an alert that no other route takes would else go to
    incidents only. The alert that always fires goes to incidents where these watch for it, and
    nowhere else, unless a route of the tree asks for it by name.
    """
    tree = configuration.route
    routes = [_watchdog(tree)]
    own = [Receiver(TO_WATCHDOG)]
    if incidents is not None:
        channel = _Lasting(incidents)
        routes += _TO_INCIDENTS
        own.append(Receiver(INCIDENTS, [Integration(INCIDENTS, 0, True, channel)]))
        if is_watched:
            hearing = Integration(INCIDENTS, 0, False, channel, is_logged=False)
            own[0] = Receiver(TO_WATCHDOG, [hearing])
    return replace(
        configuration,
        route=Route(tree.options, routes=(*routes, tree), key="", id=""),
        receivers={**configuration.receivers, **{each.name: each for each in own}},
    )


def _watchdog(tree: Route) -> Route:
    is_asked_for = any(
        each.name == "alertname" and each.is_equal and WATCHDOG in each.value
        for route in tree.walk()
        for each in route.matchers
    )
    options = replace(_EACH, receiver=TO_WATCHDOG, repeat_interval_us=WATCHDOG_US)
    return _first(options, f"alertname={WATCHDOG}", TO_WATCHDOG, continues=is_asked_for)


def _first(options: RouteOptions, matchers: str, key: str, *, continues: bool = True) -> Route:
    return Route(options, parse_matchers(matchers), continues=continues, key=key, id=key)


_EACH: Final = RouteOptions(
    INCIDENTS,
    group_by_all=True,
    group_wait_us=0,
    group_interval_us=10 * SECOND_US,
    repeat_interval_us=3_600 * SECOND_US,
)
"""Each alert by itself, at once."""
_TO_INCIDENTS: Final = (
    _first(_EACH, f'level=~"{LEVELS_OF_INCIDENTS}"', INCIDENTS),
    _first(_EACH, f'level="",severity=~"{SEVERITIES_OF_INCIDENTS}"', f"{INCIDENTS}/severity"),
)
