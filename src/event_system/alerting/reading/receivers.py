"""Receivers of a configuration: what each channel needs, completed by `global`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from event_system.alerting.channels.apprise import (
    AppriseChannel,
    AppriseMissingError,
    AppriseSettings,
)
from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.dingtalk import DingTalk, DingTalkSettings
from event_system.alerting.channels.email import Email, EmailSettings
from event_system.alerting.channels.providers.provider import is_number
from event_system.alerting.channels.slack import Slack, SlackField, SlackSettings
from event_system.alerting.channels.telephone import Telephone, TelephoneSettings
from event_system.alerting.channels.webhook import Webhook, WebhookSettings
from event_system.alerting.channels.wecom import (
    API_URL,
    RobotSettings,
    WeCom,
    WeComRobot,
    WeComSettings,
)
from event_system.alerting.configuration import Receiver
from event_system.alerting.ports import Channel
from event_system.alerting.reading.http import http_settings, tls_settings
from event_system.alerting.reading.limits import rate_limit
from event_system.alerting.reading.providers import (
    Kind,
    Offer,
    ProviderMeans,
    ProviderReader,
)
from event_system.alerting.reading.sections import Section
from event_system.alerting.reading.urls import check_url
from event_system.alerting.secret import Secret
from event_system.alerting.sending import Integration
from event_system.alerting.templates.templates import Templates

OTHERS: Final = (
    *("pagerduty", "opsgenie", "victorops", "pushover", "sns", "telegram", "webex", "discord"),
    *("msteams", "msteamsv2", "jira", "rocketchat", "incidentio", "mattermost"),
)
"""Kinds that Alertmanager has and we do not."""
OWN_KINDS: Final = (
    *("wecom_configs", "dingtalk_configs", "sms_configs", "phone_configs"),
    "apprise_configs",
)
"""Kinds that we have and Alertmanager does not."""
OWN_KEYS: Final = (
    *("language", "rate_limit", "sms_provider", "phone_provider"),
    *("wechat_agent_id", "dingtalk_url", "dingtalk_url_file"),
    *("dingtalk_secret", "dingtalk_secret_file"),
)
"""Members that we have and Alertmanager does not, in `global` and in receivers that it knows."""
LIMITS: Final = {"wecom": "20/min", "dingtalk": "20/min", "sms": "10/min", "phone": "3/min"}
"""What robots' vendors allow, and what a person can bear. Other kinds have no limit of ours."""
LANGUAGES: Final = ("en", "zh")
MOST_NUMBERS: Final = 50
_SLACK_TEXTS: Final = {
    "color": '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}',
    "title": '{{ template "slack.default.title" . }}',
    "title_link": '{{ template "slack.default.titlelink" . }}',
    "pretext": '{{ template "slack.default.pretext" . }}',
    "text": '{{ template "slack.default.text" . }}',
    "footer": '{{ template "slack.default.footer" . }}',
    "fallback": '{{ template "slack.default.fallback" . }}',
    "callback_id": '{{ template "slack.default.callbackid" . }}',
    "image_url": "",
    "thumb_url": "",
}
_SLACK_CHINESE: Final = {
    name: f'{{{{ template "slack.zh.{name}" . }}}}' for name in ("title", "fallback", "text")
}


@dataclass(frozen=True, slots=True)
class Means:
    """What channels work with. `new_id` makes ids of messages.

    With `recovery` all tell ends, unless they say otherwise.
    """

    templates: Templates
    now_us: Callable[[], int]
    new_id: Callable[[], str]
    recovery: bool = False


@dataclass(frozen=True, slots=True)
class Globals:
    """`global`, as far as receivers fall back on it."""

    smarthost: str
    sender: str
    hello: str
    username: str
    password: Secret | None
    require_tls: bool
    slack_api_url: Secret | None
    wechat_api_url: str
    wechat_secret: Secret | None
    wechat_corp_id: str
    wechat_agent_id: str
    dingtalk_url: Secret | None
    dingtalk_secret: Secret | None
    http: HttpSettings
    sms: Offer | None
    phone: Offer | None


def globals_of(section: Section, means: Means) -> Globals:
    http = http_settings(section, HttpSettings())
    providers = ProviderReader(ProviderMeans(means.templates, means.now_us, means.new_id), http)
    found = Globals(
        smarthost=section.text("smtp_smarthost"),
        sender=section.template("smtp_from"),
        hello=section.text("smtp_hello", "localhost"),
        username=section.text("smtp_auth_username"),
        password=section.secret("smtp_auth_password"),
        require_tls=section.flag("smtp_require_tls", True),
        slack_api_url=section.secret("slack_api_url"),
        wechat_api_url=section.text("wechat_api_url", API_URL),
        wechat_secret=section.secret("wechat_api_secret"),
        wechat_corp_id=section.text("wechat_api_corp_id"),
        wechat_agent_id=section.text("wechat_agent_id"),
        dingtalk_url=section.secret("dingtalk_url"),
        dingtalk_secret=section.secret("dingtalk_secret"),
        http=http,
        sms=_offered(section, "sms", providers),
        phone=_offered(section, "phone", providers),
    )
    section.done()
    return found


def _offered(section: Section, kind: Kind, providers: ProviderReader) -> Offer | None:
    key = f"{kind}_provider"
    inner = section.section(key)
    found = providers.offer(inner, kind)
    if key in section and "provider" not in inner:
        inner.fault("provider", "is needed")
    inner.done()
    return found


class ReceiverReader:
    """Reads receivers with what they fall back on."""

    def __init__(self, given: Globals, means: Means) -> None:
        self._given = given
        self._means = means
        self._kinds: Mapping[str, tuple[Callable[[Section], Channel | None], bool]] = {
            "webhook": (self._webhook, True),
            "email": (self._email, False),
            "slack": (self._slack, False),
            "wechat": (self._wechat, False),
            "wecom": (self._wecom, True),
            "dingtalk": (self._dingtalk, True),
            "sms": (partial(self._telephone, "sms"), True),
            "phone": (partial(self._telephone, "phone"), False),
            "apprise": (self._apprise, True),
        }
        providers = ProviderMeans(means.templates, means.now_us, means.new_id)
        self._providers = ProviderReader(providers, given.http)

    def receiver(self, section: Section) -> Receiver:
        name = section.text("name")
        if not name:
            section.fault("name", "is needed")
        integrations: list[Integration] = []
        for kind, (read, resolved) in self._kinds.items():
            for index, each in enumerate(section.sections(f"{kind}_configs")):
                send_resolved = each.flag("send_resolved", resolved or self._means.recovery)
                limit = rate_limit(each, LIMITS.get(kind, "0"))
                channel = read(each)
                each.done()
                if channel is not None:
                    integrations.append(
                        Integration(kind, index, send_resolved, channel, limit=limit)
                    )
        known = ", ".join(f"{kind}_configs" for kind in self._kinds)
        told = f"receivers of this kind are not supported; known are {known}"
        section.done({f"{kind}_configs": told for kind in OTHERS})
        return Receiver(name, integrations)

    def _http(self, section: Section) -> HttpSettings:
        return http_settings(section, self._given.http)

    def _url(self, section: Section, key: str, default: Secret | None = None) -> Secret | None:
        found = section.secret(key, default)
        if found is None:
            section.fault(key, "is needed")
            return None
        return found if check_url(section, key, found.reveal()) else None

    def _webhook(self, section: Section) -> Channel | None:
        url, http = self._url(section, "url"), self._http(section)
        max_alerts = section.number("max_alerts", 0)
        return None if url is None else Webhook(WebhookSettings(url, http, max_alerts))

    def _slack(self, section: Section) -> Channel | None:
        url, http = self._url(section, "api_url", self._given.slack_api_url), self._http(section)
        short = section.flag("short_fields", False)
        own = _SLACK_TEXTS | (_SLACK_CHINESE if _language(section) == "zh" else {})
        settings = SlackSettings(
            api_url=url or Secret(""),
            http=http,
            channel=section.template("channel"),
            username=section.template("username", '{{ template "slack.default.username" . }}'),
            icon_emoji=section.template("icon_emoji", '{{ template "slack.default.iconemoji" . }}'),
            icon_url=section.template("icon_url", '{{ template "slack.default.iconurl" . }}'),
            link_names=section.flag("link_names", False),
            texts={key: section.template(key, text) for key, text in own.items()},
            fields=tuple(_slack_field(each, short) for each in section.sections("fields")),
            mrkdwn_in=tuple(section.texts("mrkdwn_in")) or ("fallback", "pretext", "text"),
        )
        return None if url is None else Slack(settings, self._means.templates)

    def _wechat(self, section: Section) -> Channel | None:
        secret = section.secret("api_secret", self._given.wechat_secret)
        api_url = section.text("api_url", self._given.wechat_api_url)
        check_url(section, "api_url", api_url)
        settings = WeComSettings(
            api_url=api_url,
            api_secret=secret or Secret(""),
            corp_id=section.text("corp_id", self._given.wechat_corp_id),
            http=self._http(section),
            message=section.template("message", _text("wechat", "message", _language(section))),
            message_type=_message_type(section, "text"),
            to_user=section.template("to_user", '{{ template "wechat.default.to_user" . }}'),
            to_party=section.template("to_party", '{{ template "wechat.default.to_party" . }}'),
            to_tag=section.template("to_tag", '{{ template "wechat.default.to_tag" . }}'),
            agent_id=section.template(
                "agent_id",
                self._given.wechat_agent_id or '{{ template "wechat.default.agent_id" . }}',
            ),
        )
        for key, given in (("api_secret", secret), ("corp_id", settings.corp_id)):
            if not given:
                section.fault(key, "is needed")
        return WeCom(settings, self._means.templates)

    def _wecom(self, section: Section) -> Channel | None:
        url, http = self._url(section, "url"), self._http(section)
        message = section.template("message", _text("wechat", "message", _language(section)))
        kind = _message_type(section, "markdown")
        if url is None:
            return None
        return WeComRobot(RobotSettings(url, http, message, kind), self._means.templates)

    def _dingtalk(self, section: Section) -> Channel | None:
        url, language = self._url(section, "url", self._given.dingtalk_url), _language(section)
        is_given = "url" not in section and "url_file" not in section
        settings = DingTalkSettings(
            url=url or Secret(""),
            secret=section.secret("secret", self._given.dingtalk_secret if is_given else None),
            http=self._http(section),
            title=section.template("title", _text("dingtalk", "title", language)),
            message=section.template("message", _text("dingtalk", "message", language)),
            at_mobiles=tuple(section.texts("at_mobiles")),
            at_all=section.flag("at_all", False),
        )
        if url is None:
            return None
        return DingTalk(settings, self._means.templates, self._means.now_us)

    def _apprise(self, section: Section) -> Channel | None:
        url, language = section.secret("url"), _language(section)
        title = section.template("title", _text("apprise", "title", language))
        message = section.template("message", _text("apprise", "message", language))
        if url is None:
            section.fault("url", "is needed")
            return None
        try:
            return AppriseChannel(AppriseSettings(url, title, message), self._means.templates)
        except AppriseMissingError:
            section.fault(None, "needs a library: pip install 'event-system[apprise]'")
        except ValueError as error:
            section.fault("url", str(error))
        return None

    def _telephone(self, kind: Kind, section: Section) -> Channel | None:
        language = _language(section)
        to = section.texts("to") if section.is_list("to") else [section.text("to")]
        if not to or not all(map(is_number, to)):
            section.fault("to", "has to be numbers like +8613800138000, or one of them")
        if len(to) > MOST_NUMBERS:
            section.fault("to", f"there are over {MOST_NUMBERS} numbers")
        given = self._given.sms if kind == "sms" else self._given.phone
        offer = self._providers.offer(section, kind) if "provider" in section else given
        section.raw("provider")
        message = section.template("message", _text(kind, "message", language))
        most = section.number("max_length", 300)
        if not 20 <= most <= 1_600:
            section.fault("max_length", "lies between 20 and 1600")
        if offer is None:
            if "provider" not in section:
                section.fault("provider", f"is needed here or as `global.{kind}_provider`")
            return None
        values = offer.values or {"message": _text(kind, "value", language)}
        settings = TelephoneSettings(
            tuple(dict.fromkeys(to)), message, values, most, offer.most_of_a_value
        )
        return Telephone(settings, offer.make(language), self._means.templates)

    def _email(self, section: Section) -> Channel | None:
        given, language = self._given, _language(section)
        to = section.template("to")
        sender = section.template("from", given.sender)
        host, port = _smarthost(section, given.smarthost)
        for key, found in (("to", to), ("from", sender)):
            if not found:
                section.fault(key, "is needed")
        settings = EmailSettings(
            to=to,
            sender=sender,
            host=host,
            port=port,
            hello=section.text("hello", given.hello),
            headers=_headers(section, {"To": to, "From": sender}, language),
            html=section.template("html", _text("email", "html", language)),
            text=section.template("text") or _text("email", "text", language),
            username=section.text("auth_username", given.username),
            password=section.secret("auth_password", given.password),
            require_tls=section.flag("require_tls", given.require_tls),
            tls=tls_settings(section.section("tls_config")),
        )
        return Email(settings, self._means.templates, self._means.now_us, self._means.new_id)


def _language(section: Section) -> str:
    """Of the texts that are not given."""
    found = section.text("language", "en")
    if found not in LANGUAGES:
        section.fault("language", "is either en or zh")
    return found


def _text(kind: str, name: str, language: str) -> str:
    """Our own template for a text."""
    return f'{{{{ template "{kind}.{"zh" if language == "zh" else "default"}.{name}" . }}}}'


def _message_type(section: Section, default: str) -> str:
    found = section.text("message_type", default)
    if found not in ("text", "markdown"):
        section.fault("message_type", "is either text or markdown")
    return found


def _slack_field(section: Section, short: bool) -> SlackField:
    found = SlackField(
        section.template("title"), section.template("value"), section.flag("short", short)
    )
    for key in ("title", "value"):
        if key not in section:
            section.fault(key, "is needed")
    section.done()
    return found


def _smarthost(section: Section, default: str) -> tuple[str, int]:
    found = section.text("smarthost", default)
    host, _, port = found.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        section.fault("smarthost", "is needed here or as `global.smtp_smarthost`: host:port")
        return "", 25
    return host, int(port)


def _headers(section: Section, own: Mapping[str, str], language: str) -> dict[str, str]:
    """The headers by their names, written as is usual; those given win."""
    headers = {"Subject": _text("email", "subject", language), **own}
    for name, text in section.pairs("headers").items():
        usual = "-".join(part.capitalize() for part in name.split("-"))
        if not usual.isascii() or not usual.replace("-", "").isalnum():
            section.fault("headers", f"{name[:80]!r} is no name of a header")
        section.check_template("headers", text)
        headers[usual] = text
    return headers
