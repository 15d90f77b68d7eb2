"""Text messages and phone calls against providers' endpoints on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import msgspec
import pytest

from event_system.alerting.ports import Channel, PartlyTakenError
from tests.support.alerting import NOW, Requests, alert, configuration, notification

SECRET = "geheim-0815"
NUMBER = "+8613800138000"
OTHER = "+4915112345678"
FIRING = notification(
    msgspec.structs.replace(
        alert(alertname="Down", job="api", level="P0"),
        ends_us=0,
        annotations={"summary": "api is\ndown", "summary_zh": "接口\n不可用 & <慢>"},
    )
)
TWILIO = {"provider": "twilio", "account_sid": "AC1", "auth_token": SECRET, "from": "+15005550006"}
ALIYUN = {
    "provider": "aliyun",
    "access_key_id": "LTAI1",
    "access_key_secret": SECRET,
    "template_code": "TPL_1",
}
TENCENT = {
    "provider": "tencent",
    "secret_id": "AKID1",
    "secret_key": SECRET,
    "app_id": "1400006666",
    "sign_name": "腾讯云",
    "template_code": "1110",
}


def configured(kind: str, *, over: dict[str, Any] | None = None, **members: Any) -> Any:
    """The configuration of a receiver with this one channel, `over` being `global`."""
    text = json.dumps(
        {
            "global": over or {},
            "route": {"receiver": "r"},
            "receivers": [{"name": "r", f"{kind}_configs": [members]}],
        }
    )
    return configuration(text)


def channel(kind: str, **members: Any) -> Channel:
    made: Channel = configured(kind, **members).receivers["r"].integrations[0].channel
    return made


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


async def refused(tried: Channel) -> PartlyTakenError:
    with pytest.raises(PartlyTakenError) as raised:
        await tried.send(FIRING)
    for hidden in (SECRET, "13800138000", "15112345678"):
        assert hidden not in raised.value.detail
        assert hidden not in str(raised.value.refused)
    return raised.value


async def test_twilio_brings_a_message(requests: Requests) -> None:
    requests.answer = (201, b'{"sid":"SM1","status":"queued"}')
    await channel("sms", to=NUMBER, api_url=requests.url, **TWILIO).send(FIRING)

    [(method, path, form)] = requests.seen
    assert (method, path) == ("POST", "/2010-04-01/Accounts/AC1/Messages.json")
    assert form == {
        "To": NUMBER,
        "From": "+15005550006",
        "Body": "[FIRING:1] Down (api P0) api is down",
    }
    [headers] = requests.headers
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    login = base64.b64encode(f"AC1:{SECRET}".encode()).decode()
    assert headers["authorization"] == f"Basic {login}"


async def test_a_messaging_service_takes_the_place_of_a_number(requests: Requests) -> None:
    requests.answer = (201, b"{}")
    members = {**TWILIO, "messaging_service_sid": "MG1"}
    await channel("sms", to=NUMBER, api_url=requests.url, **members).send(FIRING)

    [(_, _, form)] = requests.seen
    assert "From" not in form
    assert form["MessagingServiceSid"] == "MG1"


@pytest.mark.parametrize(
    ("language", "tongue", "words"),
    [
        ("en", "en-US", "Alert. Level P0. 1 firing: Down. api is down"),
        ("zh", "zh-CN", "告警通知。级别 P0。1 条告警正在触发：Down。接口 不可用 & <慢>"),
    ],
)
async def test_twilio_reads_a_text_out(
    requests: Requests, language: str, tongue: str, words: str
) -> None:
    requests.answer = (201, b'{"sid":"CA1"}')
    members = {**TWILIO, "language": language, "voice": "Polly.Zhiyu", "times": 2}
    await channel("phone", to=NUMBER, api_url=requests.url, **members).send(FIRING)

    [(_, path, form)] = requests.seen
    assert path == "/2010-04-01/Accounts/AC1/Calls.json"
    assert (form["To"], form["From"]) == (NUMBER, "+15005550006")
    document = ET.fromstring(form["Twiml"])
    assert [(each.tag, each.text) for each in document] == [
        *[("Say", words), ("Pause", None), ("Say", words)]
    ]
    assert document[0].attrib == {"language": tongue, "voice": "Polly.Zhiyu"}


@pytest.mark.parametrize(
    ("status", "code", "may_pass"),
    [
        (400, 21211, False),
        (401, 20003, False),
        (400, 21610, False),
        (429, 20429, True),
        (429, 14107, True),
        (400, 21611, True),
        (503, 20503, True),
    ],
)
async def test_a_code_of_twilio_says_whether_another_attempt_may_help(
    requests: Requests, status: int, code: int, may_pass: bool
) -> None:
    told = {"code": code, "message": f"To {NUMBER} with {SECRET}\nis none", "status": status}
    requests.answer = (status, json.dumps(told).encode())
    error = await refused(channel("sms", to=NUMBER, api_url=requests.url, **TWILIO))

    assert error.may_pass is may_pass
    assert f"{status} {code} To …8000 with <secret> is none" in error.detail


async def test_a_provider_says_how_long_to_wait(requests: Requests) -> None:
    requests.answer = (429, b'{"code":20429,"message":"Too Many Requests"}')
    requests.answer_headers = {"retry-after": "17"}

    error = await refused(channel("sms", to=NUMBER, api_url=requests.url, **TWILIO))

    assert error.wait_seconds == 17.0


def aliyun_signature(path: str, headers: dict[str, str]) -> str:
    """Computed anew from what came over the wire."""
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    lines = "".join(f"{name}:{headers[name]}\n" for name in signed.split(";"))
    query = urlsplit(path).query
    body_hash = hashlib.sha256(b"").hexdigest()
    request = f"POST\n/\n{query}\n{lines}\n{signed}\n{body_hash}"
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def aliyun_query(requests: Requests) -> dict[str, str]:
    """What was asked, once its signature is checked."""
    [(method, path, body)] = requests.seen
    [headers] = requests.headers
    assert (method, body) == ("POST", None)
    assert headers["authorization"].endswith(f"Signature={aliyun_signature(path, headers)}")
    assert "Credential=LTAI1,SignedHeaders=host;x-acs-action;" in headers["authorization"]
    assert headers["x-acs-version"] == "2017-05-25"
    assert headers["x-acs-date"] == "2026-11-21T12:00:00Z"
    query = urlsplit(path).query
    assert query.split("&") == sorted(query.split("&"))
    return {name: values[0] for name, values in parse_qs(query).items()} | {
        "Action": headers["x-acs-action"]
    }


@pytest.mark.parametrize(("to", "local"), [(NUMBER, "13800138000"), (OTHER, "4915112345678")])
async def test_aliyun_brings_a_message(requests: Requests, to: str, local: str) -> None:
    requests.answer = (200, b'{"Code":"OK","Message":"OK","BizId":"1","RequestId":"2"}')
    members = {**ALIYUN, "sign_name": "游戏 运维", "language": "zh"}
    await channel("sms", to=[to], api_url=requests.url, **members).send(FIRING)

    assert aliyun_query(requests) == {
        "Action": "SendSms",
        "PhoneNumbers": local,
        "SignName": "游戏 运维",
        "TemplateCode": "TPL_1",
        "TemplateParam": '{"message":"1条告警 Down"}',
    }


async def test_aliyun_reads_a_template_out(requests: Requests) -> None:
    requests.answer = (200, b'{"Code":"OK","CallId":"1","RequestId":"2"}')
    values = {"what": "{{ .CommonAnnotations.summary_zh }}", "level": "{{ .CommonLabels.level }}"}
    members = {**ALIYUN, "template_values": values, "max_value_length": 6, "from": "05711234"}
    await channel("phone", to=NUMBER, api_url=requests.url, times=3, **members).send(FIRING)

    assert aliyun_query(requests) == {
        "Action": "SingleCallByTts",
        "CalledNumber": "13800138000",
        "CalledShowNumber": "05711234",
        "TtsCode": "TPL_1",
        "TtsParam": '{"what":"接口 不可…","level":"P0"}',
        "PlayTimes": "3",
    }


@pytest.mark.parametrize(
    ("status", "code", "message", "may_pass", "wait_seconds"),
    [
        (200, "isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1", True, 60.0),
        (200, "isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:40", False, 0.0),
        (200, "isp.SYSTEM_ERROR", "", True, 0.0),
        (400, "Throttling.User", "", True, 0.0),
        (503, "ServiceUnavailable", "", True, 0.0),
        (200, "isv.MOBILE_NUMBER_ILLEGAL", NUMBER, False, 0.0),
        (200, "isv.AMOUNT_NOT_ENOUGH", "", False, 0.0),
        (403, "InvalidAccessKeyId.NotFound", "", False, 0.0),
        (400, "SignatureDoesNotMatch", "POST&%2F&13800138000", False, 0.0),
    ],
)
async def test_a_code_of_aliyun_says_whether_another_attempt_may_help(
    requests: Requests,
    status: int,
    code: str,
    message: str,
    may_pass: bool,
    wait_seconds: float,
) -> None:
    requests.answer = (status, json.dumps({"Code": code, "Message": message}).encode())
    tried = channel("sms", to=NUMBER, api_url=requests.url, sign_name="x", **ALIYUN)
    error = await refused(tried)

    assert (error.may_pass, error.wait_seconds) == (may_pass, wait_seconds)
    assert code in error.detail
    assert "POST&" not in error.detail


def tencent_signature(headers: dict[str, str], body: bytes) -> str:
    """Computed anew from what came over the wire."""

    def keyed(key: bytes, text: str) -> bytes:
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    seconds = int(headers["x-tc-timestamp"])
    date = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    lines = (
        f"content-type:{headers['content-type']}\nhost:{headers['host']}\n"
        f"x-tc-action:{headers['x-tc-action'].lower()}\n"
    )
    names = "content-type;host;x-tc-action"
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{seconds}\n{date}/sms/tc3_request\n{digest}"
    key = keyed(keyed(keyed(f"TC3{SECRET}".encode(), date), "sms"), "tc3_request")
    return keyed(key, text).hex()


async def test_tencent_brings_a_message(requests: Requests) -> None:
    sent = {"SendStatusSet": [{"PhoneNumber": NUMBER, "Code": "Ok", "Message": "send success"}]}
    requests.answer = (200, json.dumps({"Response": sent}).encode())
    values = {"1": "{{ .CommonLabels.alertname }}", "2": "{{ len .Alerts }}"}
    tried = channel("sms", to=NUMBER, api_url=requests.url, template_values=values, **TENCENT)
    await tried.send(FIRING)

    [(_, _, body)] = requests.seen
    [headers] = requests.headers
    assert body == {
        "PhoneNumberSet": [NUMBER],
        "SmsSdkAppId": "1400006666",
        "SignName": "腾讯云",
        "TemplateId": "1110",
        "TemplateParamSet": ["Down", "1"],
    }
    assert headers["x-tc-action"] == "SendSms"
    assert headers["x-tc-version"] == "2021-01-11"
    assert headers["x-tc-region"] == "ap-guangzhou"
    assert int(headers["x-tc-timestamp"]) == NOW // 1_000_000
    scope = "AKID1/2026-11-21/sms/tc3_request"
    assert headers["authorization"] == (
        f"TC3-HMAC-SHA256 Credential={scope}, SignedHeaders=content-type;host;x-tc-action, "
        f"Signature={tencent_signature(headers, requests.raw[0])}"
    )


@pytest.mark.parametrize(
    ("where", "code", "may_pass"),
    [
        ("Error", "AuthFailure.SignatureFailure", False),
        ("Error", "RequestLimitExceeded", True),
        ("Error", "InternalError.Timeout", True),
        ("Status", "LimitExceeded.PhoneNumberThirtySecondLimit", True),
        ("Status", "LimitExceeded.PhoneNumberDailyLimit", False),
        ("Status", "FailedOperation.InsufficientBalanceInSmsPackage", False),
    ],
)
async def test_a_code_of_tencent_says_whether_another_attempt_may_help(
    requests: Requests, where: str, code: str, may_pass: bool
) -> None:
    outcome = {"Code": code, "Message": f"not {NUMBER}"}
    found = {"Error": outcome} if where == "Error" else {"SendStatusSet": [outcome]}
    requests.answer = (200, json.dumps({"Response": found}).encode())

    error = await refused(channel("sms", to=NUMBER, api_url=requests.url, **TENCENT))

    assert error.may_pass is may_pass
    assert code in error.detail


async def test_any_gateway_can_be_asked(requests: Requests) -> None:
    members = {
        "provider": "http",
        "url": f"{requests.url}/send?key={SECRET}&to={{{{ .Number | urlquery }}}}",
        "method": "put",
        "headers": {"X-Key": SECRET, "Content-Type": "application/x-www-form-urlencoded"},
        "body": "text={{ .Message | urlquery }}&level={{ .Values.level }}",
        "template_values": {"level": "{{ .CommonLabels.level }}"},
        "expects": '"ok"',
    }
    requests.answer = (200, b'{"status":"ok"}')
    await channel("sms", to=NUMBER, **members).send(FIRING)

    [(method, path, form)] = requests.seen
    assert (method, path) == ("PUT", f"/send?key={SECRET}&to=%2B8613800138000")
    assert form == {"text": "[FIRING:1] Down (api P0) api is down", "level": "P0"}
    assert requests.headers[0]["x-key"] == SECRET
    requests.answer = (200, b'{"status":"no money"}')
    error = await refused(channel("sms", to=NUMBER, **members))
    assert not error.may_pass


async def test_who_was_told_is_not_told_again(requests: Requests) -> None:
    requests.answers = [(429, b"{}")]
    requests.answer = (201, b"{}")
    tried = channel("sms", to=[NUMBER, OTHER], api_url=requests.url, **TWILIO)
    error = await refused(tried)
    assert (error.taken, error.refused) == (1, {})
    [left] = error.left

    await tried.send(replace(FIRING, recipients=error.left))

    assert [form["To"] for _, _, form in requests.seen][-1] == left
    assert len(requests.seen) == 3


async def test_a_text_is_one_line_and_not_too_long(requests: Requests) -> None:
    requests.answer = (201, b"{}")
    tried = channel(
        "sms",
        to=NUMBER,
        api_url=requests.url,
        message="a\r\nb\x00c " * 100,
        max_length=20,
        **TWILIO,
    )
    await tried.send(FIRING)

    [(_, _, form)] = requests.seen
    assert form["Body"] == "a b c a b c a b c a…"


async def test_a_provider_can_stand_in_global(requests: Requests) -> None:
    requests.answer = (201, b"{}")
    over = {"sms_provider": {**TWILIO, "api_url": requests.url}}
    found = configured("sms", over=over, to=NUMBER)
    await found.receivers["r"].integrations[0].channel.send(FIRING)

    assert len(requests.seen) == 1
    assert "provider" not in found.original
    assert SECRET not in found.original
