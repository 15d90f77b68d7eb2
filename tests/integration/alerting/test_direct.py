"""Channels to one person, made of an address and of `global`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from event_system.alerting.ports import Channel, PersonChannels
from event_system.kernel.errors import AlertingConfigurationError
from tests.support.alerting import Requests, alert, configuration, notification
from tests.support.mail import mail_server

NUMBER = "+8613800138000"
FIRING = notification(
    msgspec.structs.replace(
        alert(alertname="Down"),
        ends_us=0,
        annotations={
            "summary": "api is down",
            "summary_zh": "接口不可用",
            "acknowledge_url": "http://node/ack",
        },
    )
)


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


def people(**over: Any) -> PersonChannels:
    text = json.dumps({"global": over, "route": {"receiver": "r"}, "receivers": [{"name": "r"}]})
    found = configuration(text).people
    assert found is not None
    return found


def all_of(requests: Requests, mail_port: int) -> PersonChannels:
    twilio = {
        "provider": "twilio",
        "account_sid": "AC1",
        "auth_token": "geheim",
        "from": "+15005550006",
        "api_url": requests.url,
    }
    return people(
        smtp_smarthost=f"127.0.0.1:{mail_port}",
        smtp_from="alerts@example.org",
        smtp_require_tls=False,
        sms_provider=twilio,
        phone_provider=twilio,
        slack_api_url=f"{requests.url}/slack",
        wechat_api_url=f"{requests.url}/wecom",
        wechat_api_secret="geheim",
        wechat_api_corp_id="corp",
        wechat_agent_id="7",
        dingtalk_url=f"{requests.url}/dingtalk",
    )


async def tell(tried: Channel) -> None:
    try:
        await tried.send(FIRING)
    finally:
        await tried.close()


async def test_a_person_is_told_by_every_method(requests: Requests) -> None:
    with mail_server() as (server, box):
        given = all_of(requests, server.port)
        await tell(given.channel_for("email", "wang@example.org", "zh"))
        await tell(given.channel_for("sms", NUMBER, "zh"))
        await tell(given.channel_for("phone", NUMBER))
        await tell(given.channel_for("slack", "@wang"))
        await tell(given.channel_for("slack", f"{requests.url}/own"))
        await tell(given.channel_for("wecom", "wang"))
        await tell(given.channel_for("wecom", f"{requests.url}/robot"))
        await tell(given.channel_for("dingtalk", NUMBER))
        await tell(given.channel_for("webhook", f"{requests.url}/hook"))

    assert box.recipients == [["wang@example.org"]]
    seen = {path.partition("?")[0]: body for _, path, body in requests.seen}
    assert seen["/2010-04-01/Accounts/AC1/Messages.json"]["Body"] == (
        "[告警:1] Down 接口不可用 http://node/ack"
    )
    assert "api is down" in seen["/2010-04-01/Accounts/AC1/Calls.json"]["Twiml"]
    assert seen["/slack"]["channel"] == "@wang"
    assert "channel" not in seen["/own"]
    assert (seen["/wecom/message/send"]["touser"], seen["/wecom/message/send"]["agentid"]) == (
        "wang",
        "7",
    )
    assert "Down" in seen["/robot"]["markdown"]["content"]
    assert seen["/dingtalk"]["at"]["atMobiles"] == ["13800138000"]
    assert seen["/hook"]["status"] == "firing"


@pytest.mark.parametrize(
    ("method", "address", "fault"),
    [
        ("pigeon", "x", "is none of email, sms"),
        ("email", "nobody", "the address for email is none"),
        ("email", "a@example.org, b@example.org", "the address for email is none"),
        ("email", "{{ .Status }}@example.org", "the address for email is none"),
        ("email", "a@example.org", "smarthost: is needed"),
        ("sms", "110", "to: has to be numbers"),
        ("sms", NUMBER, "provider: is needed here or as `global.sms_provider`"),
        ("slack", "@wang", "api_url: is needed"),
        ("wecom", "wang", "api_secret: is needed"),
        ("dingtalk", "wang", "has to be a robot's URL, or a number"),
        ("dingtalk", NUMBER, "url: is needed"),
        ("webhook", "gopher://x", "is no URL"),
    ],
)
def test_an_address_that_cannot_be_used_is_told(method: str, address: str, fault: str) -> None:
    with pytest.raises(AlertingConfigurationError) as raised:
        people().channel_for(method, address)

    assert fault in raised.value.detail
