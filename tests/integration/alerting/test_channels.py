"""Channels against servers on loopback."""

from __future__ import annotations

import base64
import gzip
import hmac
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from event_system.alerting.ports import Channel
from event_system.alerting.sending import Integration, Sender
from event_system.kernel.errors import ChannelError
from tests.support.alerting import NOW, Requests, alert, configuration, notification
from tests.support.mail import mail_server

MIB = 1 << 20
FIRING = notification(
    msgspec.structs.replace(
        alert(alertname="Down", job="api"),
        ends_us=0,
        annotations={"summary": "<服务> is down"},
        generator_url="http://prometheus/graph",
    )
)


def channel(kind: str, **members: Any) -> Channel:
    """That of a receiver with this one."""
    text = msgspec.json.encode(
        {
            "route": {"receiver": "r"},
            "receivers": [{"name": "r", f"{kind}_configs": [members]}],
        }
    ).decode()
    [integration] = configuration(text).receivers["r"].integrations
    return integration.channel


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


async def refused(tried: Channel) -> ChannelError:
    with pytest.raises(ChannelError) as raised:
        await tried.send(FIRING)
    assert "geheim" not in raised.value.detail
    return raised.value


async def test_dingtalk_gets_a_signed_message(requests: Requests) -> None:
    url = f"{requests.url}/robot/send?access_token=geheim"
    await channel("dingtalk", url=url, secret="SECgeheim", at_mobiles=["138"]).send(FIRING)

    [(_, path, body)] = requests.seen
    query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    signed = f"{query['timestamp']}\nSECgeheim".encode()
    expected = base64.b64encode(hmac.digest(b"SECgeheim", signed, "sha256")).decode()
    assert query == {
        "access_token": "geheim",
        "timestamp": str(NOW // 1000),
        "sign": expected,
    }
    assert body["msgtype"] == "markdown"
    assert body["markdown"]["title"] == "[FIRING:1] Down (api)"
    assert body["at"] == {"atMobiles": ["138"], "isAtAll": False}


async def test_a_robot_of_wecom_gets_a_message(requests: Requests) -> None:
    tried = channel("wecom", url=f"{requests.url}/send?key=geheim", message="{{ .Status }} 告警")
    await tried.send(FIRING)

    assert requests.bodies() == [{"msgtype": "markdown", "markdown": {"content": "firing 告警"}}]


@pytest.mark.parametrize(
    ("kind", "members"),
    [("dingtalk", {}), ("wecom", {}), ("wechat", {"corp_id": "c", "api_secret": "geheim"})],
)
async def test_what_a_vendor_refuses_is_not_tried_again(
    requests: Requests, kind: str, members: dict[str, str]
) -> None:
    requests.answer = (200, b'{"errcode":310000,"errmsg":"sign not match"}')
    url = {"api_url" if kind == "wechat" else "url": f"{requests.url}/?key=geheim"}
    error = await refused(channel(kind, **url, **members))

    assert not error.may_pass
    assert "310000 sign not match" in error.detail


async def test_a_token_of_wecom_is_kept_and_renewed_where_it_has_ended(requests: Requests) -> None:
    tried = channel("wechat", api_url=requests.url, corp_id="c", api_secret="geheim")
    await tried.send(FIRING)
    await tried.send(FIRING)
    requests.answers = [(200, b'{"errcode":42001,"errmsg":"expired"}')]
    assert (await refused(tried)).may_pass
    await tried.send(FIRING)

    paths = [path.partition("?")[0] for _, path, _ in requests.seen]
    once = ["/gettoken", "/message/send"]
    assert paths == [*once, "/message/send", "/message/send", *once]


@pytest.mark.parametrize(
    ("status", "may_pass"), [(500, True), (429, True), (404, False), (400, False)]
)
async def test_an_answer_says_whether_another_attempt_may_help(
    requests: Requests, status: int, may_pass: bool
) -> None:
    requests.answer = (status, b"geheim")
    error = await refused(channel("webhook", url=f"{requests.url}/geheim"))

    assert error.may_pass is may_pass
    assert str(status) in error.detail


async def test_a_server_that_is_away_may_come_back(requests: Requests) -> None:
    requests.close()

    assert (await refused(channel("webhook", url=f"{requests.url}/geheim"))).may_pass


async def test_slack_refuses_with_a_success(requests: Requests) -> None:
    requests.answer = (200, b'{"ok":false,"error":"channel_not_found"}')

    error = await refused(channel("slack", api_url=f"{requests.url}/geheim", channel="#x"))

    assert "channel_not_found" in error.detail


async def test_credentials_are_sent(requests: Requests) -> None:
    for http in (
        {"basic_auth": {"username": "me", "password": "geheim"}},
        {"authorization": {"credentials": "geheim"}},
        {"bearer_token": "geheim"},
    ):
        await channel("webhook", url=requests.url, http_config=http).send(FIRING)

    basic = "Basic " + base64.b64encode(b"me:geheim").decode()
    sent = [headers["authorization"] for headers in requests.headers]
    assert sent == [basic, "Bearer geheim", "Bearer geheim"]


@pytest.mark.parametrize("status", [200, 302])
async def test_an_answer_that_unpacks_to_very_much_takes_little(
    requests: Requests, status: int
) -> None:
    requests.answer_headers = {"content-encoding": "gzip"}
    requests.answers = [(status, gzip.compress(bytes(64 * MIB)))]
    if status == 302:
        requests.answer_headers["location"] = "/elsewhere"
    tried = channel("webhook", url=requests.url, http_config={"follow_redirects": status == 302})
    requests.answer = (204, b"")
    tracemalloc.start()
    try:
        with suppress(ChannelError):  # where it is sent on without an end
            await tried.send(FIRING)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await tried.close()

    assert peak < 8 * MIB


async def test_what_a_vendor_refuses_is_understood_although_it_is_packed(
    requests: Requests,
) -> None:
    requests.answer_headers = {"content-encoding": "gzip"}
    requests.answer = (200, gzip.compress(b'{"errcode":310000,"errmsg":"sign not match"}'))

    error = await refused(channel("dingtalk", url=f"{requests.url}/?key=geheim"))

    assert "310000 sign not match" in error.detail


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip", "gzip, gzip"])
async def test_a_webhook_that_answers_what_cannot_be_unpacked_has_taken_it(
    requests: Requests, encoding: str
) -> None:
    requests.answer_headers = {"content-encoding": encoding}
    requests.answer = (200, b"no such thing")

    await channel("webhook", url=requests.url).send(FIRING)

    assert len(requests.seen) == 1


async def test_a_redirect_is_followed_and_credentials_stay_where_they_belong(
    requests: Requests,
) -> None:
    other = Requests()
    login = {"basic_auth": {"username": "me", "password": "geheim"}}
    try:
        other.answer = (200, b"")
        requests.answer = (307, b"")
        requests.answer_headers = {"location": f"{other.url}/there"}
        await channel("webhook", url=requests.url, http_config=login).send(FIRING)
        assert [path for _, path, _ in other.seen] == ["/there"]
        assert other.bodies() == requests.bodies()
        assert "authorization" in requests.headers[0]
        assert "authorization" not in other.headers[0]
        stays = {"follow_redirects": False}
        error = await refused(channel("webhook", url=requests.url, http_config=stays))
        assert "answered 307" in error.detail
        requests.answer_headers = {"location": "/again"}
        error = await refused(channel("webhook", url=requests.url, http_config=login))
        assert "TooManyRedirects" in error.detail
        assert all("authorization" in headers for headers in requests.headers[-2:])
    finally:
        other.close()


MANY = notification(
    *(
        msgspec.structs.replace(alert(alertname="Down", job="接口", n=f"{n:06000}"), ends_us=0)
        for n in range(200)
    )
)


async def told(kind: str, **members: Any) -> Sender:
    """Tell of very many alerts."""
    sender = Sender(time.monotonic, lambda n: b"\0" * n)
    tried = Integration(kind, 0, True, channel(kind, **members))
    assert await sender.send(tried, MANY, 60.0)
    assert sender.numbers.failed == {kind: 1}
    return sender


@pytest.mark.parametrize(
    ("kind", "members", "path"),
    [
        ("slack", {"channel": "#x"}, ("attachments", 0, "text")),
        ("wecom", {}, ("markdown", "content")),
        ("wechat", {"corp_id": "c", "api_secret": "geheim"}, ("text", "content")),
        ("dingtalk", {}, ("markdown", "text")),
    ],
)
async def test_a_message_over_a_limit_is_told_in_brief(
    requests: Requests, kind: str, members: dict[str, str], path: tuple[Any, ...]
) -> None:
    template = "{{ range .Alerts }}{{ .Labels.n }}{{ end }}"
    own = {"text" if kind == "slack" else "message": template}
    url = {"url" if kind in ("wecom", "dingtalk") else "api_url": requests.url}
    await told(kind, **members, **own, **url)

    body = requests.bodies()[-1]
    for step in path:
        body = body[step]
    assert body.startswith('[FIRING:200] {alertname="Down"}\n')
    assert 'job="接口"' in body
    assert body.endswith(" more")
    assert len(body.encode()) < 4_096


async def test_a_mail_over_a_limit_is_told_in_brief() -> None:
    with mail_server() as (server, box):
        await told(
            "email",
            to="team@example.org",
            smarthost=f"127.0.0.1:{server.port}",
            require_tls=False,
            headers={"X-All": "{{ range .Alerts }}{{ .Labels.n }}{{ end }}"},
            **{"from": "alerts@example.org"},
        )

    [message] = box.messages
    assert message["Subject"] == '[FIRING:200] {alertname="Down"}'
    assert message["To"] == "team@example.org"
    assert not message.is_multipart()
    assert "200 firing, 0 resolved: http://alerts.example" in message.get_content()


def text_at(body: Any, path: tuple[Any, ...]) -> str:
    """What stands at a path of a JSON body."""
    for step in path:
        body = body[step]
    return str(body)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("slack", ("attachments", 0, "text")),
        ("wecom", ("markdown", "content")),
        ("dingtalk", ("markdown", "text")),
    ],
)
async def test_a_chat_can_be_chinese(requests: Requests, kind: str, path: tuple[Any, ...]) -> None:
    annotations = {"summary": "api is down", "summary_zh": "接口不可用"}
    chinese = notification(msgspec.structs.replace(FIRING.alerts[0], annotations=annotations))
    url = {"api_url" if kind == "slack" else "url": requests.url}
    await channel(kind, language="zh", **url).send(chinese)

    [body] = requests.bodies()
    found = text_at(body, path)
    assert "接口不可用" in found
    assert "api is down" not in found


@pytest.mark.parametrize(
    ("kind", "language", "path", "told"),
    [
        ("slack", "en", ("attachments", 0, "text"), "Down (updates: 3)"),
        ("dingtalk", "en", ("markdown", "text"), "(updates: 3)"),
        ("dingtalk", "zh", ("markdown", "text"), "（期间更新 3 次）"),
        ("wecom", "en", ("markdown", "content"), "Updates since it began: 3"),
        ("wecom", "zh", ("markdown", "content"), "，期间更新 3 次"),
        ("slack", "zh", ("attachments", 0, "text"), "，期间更新 3 次"),
    ],
)
async def test_a_chat_says_how_often_an_alert_was_updated(
    requests: Requests, kind: str, language: str, path: tuple[Any, ...], told: str
) -> None:
    url = {"api_url" if kind == "slack" else "url": requests.url}
    tried = channel(kind, language=language, **url)
    updated = msgspec.structs.replace(FIRING.alerts[0], update_count=3)
    await tried.send(notification(updated))
    await tried.send(FIRING)

    with_updates, without = (text_at(body, path) for body in requests.bodies())
    assert told in with_updates
    assert "pdate" not in without
    assert "更新" not in without


async def test_a_webhook_says_how_often_an_alert_was_updated(requests: Requests) -> None:
    updated = msgspec.structs.replace(FIRING.alerts[0], update_count=3)
    await channel("webhook", url=requests.url).send(notification(updated, FIRING.alerts[0]))

    [body] = requests.bodies()
    assert [each.get("updates") for each in body["alerts"]] == [3, None]
