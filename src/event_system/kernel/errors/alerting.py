"""Of alerts, silences, and of telling people."""

from __future__ import annotations

from event_system.kernel.errors.root import ConfigurationError, EventSystemError, UnavailableError


class AlertingOffError(UnavailableError):
    """The node looks after no alerts."""

    code = "alerting.off"
    title = "This node looks after no alerts"
    remedy = "Look at `alerting.enabled` and `node.roles` of the node."


class AlertingAwayError(UnavailableError):
    """No node of the cluster looks after alerts now, or the one that does gives no answer."""

    code = "alerting.away"
    title = "No node answers for alerts now"
    remedy = (
        "Try again after the seconds in Retry-After: another node takes over when a lease ends. "
        "`event-system cluster` shows who has the task `operations`; that node needs a "
        "`node.address` at which the others reach it."
    )


class InvalidAlertError(EventSystemError):
    """An alert cannot be taken in as it stands."""

    code = "alert.invalid"
    title = "Invalid alert"
    status = 400
    remedy = (
        "Mend what the detail names; docs/alerting.md shows an alert. The others were taken in."
    )


class InvalidMatcherError(EventSystemError):
    """What is to be a matcher is none, or its regular expression is none."""

    code = "alert.matcher"
    title = "Invalid matcher"
    status = 400
    remedy = 'Write it as `name="value"`, with one of the operators =, !=, =~ and !~.'


class AlertNotFoundError(EventSystemError):
    """There is no alert with this fingerprint, or no more."""

    code = "alert.not_found"
    title = "No such alert"
    status = 404
    remedy = (
        "`event-system alerts list` names all that fire; what has ended is forgotten after 15 min."
    )


class AmbiguousAlertError(EventSystemError):
    """Several alerts have the labels by which one is asked for."""

    code = "alert.ambiguous"
    title = "Several alerts are meant"
    status = 409
    remedy = "Give more of its labels, or its fingerprint, which the detail names."


class InvalidSilenceError(EventSystemError):
    """A silence cannot hold as it stands."""

    code = "silence.invalid"
    title = "Invalid silence"
    status = 400
    remedy = "Mend the member that `where` names; docs/alerting.md shows a silence."


class SilenceNotFoundError(EventSystemError):
    """There is no silence with this id, or no more."""

    code = "silence.not_found"
    title = "No such silence"
    status = 404
    remedy = "`GET /api/v2/silences` lists all; expired ones are forgotten after a while."


class AlertingFullError(EventSystemError):
    """As many alerts or silences are kept as may be."""

    code = "alerting.full"
    title = "Too many alerts or silences"
    status = 503
    remedy = "Wait until some have ended, or expire some; look for a label that differs each time."


class AlertingConfigurationError(ConfigurationError):
    """The alerting configuration cannot be used; the one before, if there is one, goes on."""

    code = "alerting.configuration"
    title = "The alerting configuration cannot be used"
    remedy = "Mend every place that is named; docs/alerting.md says what may stand there."


class TemplateError(EventSystemError):
    """A notification template cannot be read, or not be rendered."""

    code = "alerting.template"
    title = "A notification template fails"
    remedy = "Mend the template in the file and line that `where` names."


class ReceiverNotFoundError(EventSystemError):
    """The alerting configuration has no such receiver, or the receiver no such channel."""

    code = "alerting.receiver"
    title = "No such receiver or channel"
    status = 404
    remedy = "Name a receiver of the configuration, or one of its channels: RECEIVER/KIND/INDEX."


class ChannelTestLimitError(EventSystemError):
    """Channels are tried out too often: each test reaches people, and a call costs money.

    `wait_seconds` is how long to wait.
    """

    code = "alerting.test_limit"
    title = "Too many tests of channels"
    status = 429
    remedy = "Try again after the seconds in Retry-After; docs/notifications.md names the limit."

    def __init__(
        self, detail: str = "", *, where: str | None = None, wait_seconds: float = 0.0
    ) -> None:
        super().__init__(detail, where=where)
        self.wait_seconds = wait_seconds


class ChannelError(EventSystemError):
    """A notification was not taken; `may_pass` says that another attempt may help.

    `wait_seconds` is how long the receiver asks to be left alone first; 0 where it does not say.
    """

    code = "alerting.channel"
    title = "A notification could not be sent"
    status = 502
    remedy = "Look at the receiver that the detail names, and at its settings."

    def __init__(
        self,
        detail: str = "",
        *,
        where: str | None = None,
        may_pass: bool = False,
        wait_seconds: float = 0.0,
    ) -> None:
        super().__init__(detail, where=where)
        self.may_pass = may_pass
        self.wait_seconds = wait_seconds
