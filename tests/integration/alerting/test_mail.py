"""Mail against servers on loopback."""

from __future__ import annotations

import re
import ssl
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from event_system.alerting.ports import Channel, PartlyTakenError
from event_system.kernel.errors import ChannelError
from tests.architecture.tree import ROOT
from tests.integration.alerting.test_channels import FIRING, channel
from tests.support.alerting import NOW, notification
from tests.support.mail import mail_server


async def refused(tried: Channel) -> ChannelError:
    with pytest.raises(ChannelError) as raised:
        await tried.send(FIRING)
    assert "geheim" not in raised.value.detail
    return raised.value


def mail(port: int, **members: Any) -> Channel:
    given = {
        "to": "Team <team@example.org>, other@example.org",
        "from": "alerts@example.org",
        "smarthost": f"127.0.0.1:{port}",
        "require_tls": False,
    }
    return channel("email", **{**given, **members})


async def test_a_mail_is_text_and_html() -> None:
    with mail_server() as (server, box):
        await mail(server.port, headers={"subject": "告警 {{ .Status }}"}).send(FIRING)

    [message] = box.messages
    assert box.recipients == [["team@example.org", "other@example.org"]]
    assert message["Subject"] == "告警 firing"
    assert message["Date"] == "Sat, 21 Nov 2026 12:00:00 +0000"
    assert "summary = <服务> is down" in box.part(message, "plain")
    assert "&lt;服务&gt; is down" in box.part(message, "html")


async def test_a_mail_can_be_chinese() -> None:
    annotations = {"summary": "api is down", "summary_zh": "<接口> 不可用"}
    chinese = notification(msgspec.structs.replace(FIRING.alerts[0], annotations=annotations))
    with mail_server() as (server, box):
        await mail(server.port, language="zh").send(chinese)

    [message] = box.messages
    assert message["Subject"] == "[告警:1] Down (api)"
    assert [part.get_content_type() for part in message.walk()] == [
        *["multipart/alternative", "text/plain", "text/html"]
    ]
    assert "摘要：<接口> 不可用" in box.part(message, "plain")
    assert "&lt;接口&gt; 不可用" in box.part(message, "html")


async def test_a_header_cannot_be_smuggled_in() -> None:
    evil = msgspec.structs.replace(
        FIRING.alerts[0], labels={"alertname": "x\r\nBcc: evil@example.org"}
    )
    with mail_server() as (server, box):
        await mail(server.port).send(notification(evil))

    [message] = box.messages
    assert message["Bcc"] is None
    assert "Bcc: evil@example.org" in message["Subject"]


async def test_one_refused_recipient_does_not_keep_the_mail_from_the_others() -> None:
    with mail_server(refused={"other@example.org"}) as (server, box):
        with pytest.raises(PartlyTakenError) as raised:
            await mail(server.port).send(FIRING)
        assert box.recipients == [["team@example.org"]]
        box.refused.add("team@example.org")
        error = await refused(mail(server.port))

    assert (raised.value.taken, raised.value.left) == (1, frozenset())
    assert raised.value.refused == {"other@example.org": "refused with 550"}
    assert not error.may_pass


async def test_whom_a_server_puts_off_is_told_alone_later() -> None:
    with mail_server(put_off={"other@example.org"}) as (server, box):
        with pytest.raises(PartlyTakenError) as raised:
            await mail(server.port).send(FIRING)
        box.put_off.clear()
        await mail(server.port).send(replace(FIRING, recipients=raised.value.left))

    assert raised.value.may_pass
    assert box.recipients == [["team@example.org"], ["other@example.org"]]


@pytest.mark.parametrize(("answer", "may_pass"), [("451 try later", True), ("554 no", False)])
async def test_a_mail_server_says_whether_another_attempt_may_help(
    answer: str, may_pass: bool
) -> None:
    with mail_server(answer=answer) as (server, _):
        error = await refused(mail(server.port))

    assert error.may_pass is may_pass


async def test_without_tls_no_mail_goes_where_tls_is_required() -> None:
    with mail_server() as (server, box):
        await refused(mail(server.port, require_tls=True))

    assert box.messages == []


async def test_a_login_goes_over_tls(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    login = {"auth_username": "me", "auth_password": "geheim", "require_tls": True}
    with mail_server(context, users={b"me": b"geheim"}) as (server, box):
        await refused(mail(server.port, **login))
        trusting = {"tls_config": {"ca_file": str(certificate)}}
        await mail(server.port, **login, **trusting).send(FIRING)
        wrong = {**login, "auth_password": "other geheim"}
        assert not (await refused(mail(server.port, **wrong, **trusting))).may_pass

    assert len(box.messages) == 1


def _certificate(directory: Path) -> tuple[Path, Path]:
    import subprocess

    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def conversation(message: EmailMessage) -> str:
    assert message["In-Reply-To"] == message["References"] != message["Message-Id"]
    return str(message["References"])


async def test_the_mails_of_a_group_are_one_conversation() -> None:
    other = replace(FIRING, group_key='{}:{alertname="Other"}')
    with mail_server() as (server, box):
        sending = mail(server.port)
        for told in (FIRING, replace(FIRING), other, replace(other, conversation="INC-1")):
            await sending.send(told)
        await sending.send(replace(FIRING, conversation="INC-1"))
        await sending.send(replace(FIRING, count=2))
        await mail(server.port, headers={"References": "<own@example.org>"}).send(FIRING)

    *alone, bundled, own = box.messages
    first, again, another, incident, same_incident = map(conversation, alone)
    assert first == again
    assert len({first, another, incident}) == 3
    assert incident == same_incident
    assert bundled["References"] is bundled["In-Reply-To"] is None
    assert own["References"] == "<own@example.org>"
    assert own["In-Reply-To"] == first


def topic(message: EmailMessage) -> str:
    """What Gmail compares besides `References`: a subject without the brackets that it begins with."""
    return re.sub(r"^\[[^]]*\] ", "", message["Subject"])


def mails(text: str) -> dict[str, str]:
    """Headers of the example in the documentation."""
    page = (ROOT / "docs" / text).read_text(encoding="utf-8")
    [found] = [
        line for line in page.splitlines() if line.startswith("  - {to: team@example.org, headers:")
    ]
    [config] = yaml.safe_load(found)
    return dict(config["headers"])


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_end_of_a_group_has_the_topic_of_its_beginning(language: str) -> None:
    over = msgspec.structs.replace(FIRING.alerts[0], ends_us=NOW)
    with mail_server() as (server, box):
        await mail(server.port, language=language).send(FIRING)
        await mail(server.port, language=language).send(notification(over))

    begin, end = box.messages
    assert begin["Subject"] != end["Subject"]
    assert topic(begin) == topic(end) == "Down (api)"


@pytest.mark.parametrize("page", ["notifications.md", "zh/notifications.md"])
async def test_a_subject_of_the_groups_labels_is_one_topic_whoever_comes_and_goes(
    page: str,
) -> None:
    other = msgspec.structs.replace(
        FIRING.alerts[0], labels={**FIRING.alerts[0].labels, "job": "db"}
    )
    with mail_server() as (server, box):
        for headers in ({}, mails(page)):
            sending = mail(server.port, headers=headers)
            await sending.send(FIRING)
            await sending.send(notification(*FIRING.alerts, other))

    usual, changed, *always = map(topic, box.messages)
    assert usual != changed
    assert always == ["Down", "Down"]


@pytest.mark.parametrize(
    ("language", "number", "told"),
    [("en", 1, "1 update"), ("en", 3, "3 updates"), ("zh", 3, "期间更新 3 次")],
)
async def test_a_mail_says_how_often_an_alert_was_updated(
    language: str, number: int, told: str
) -> None:
    updated = msgspec.structs.replace(FIRING.alerts[0], update_count=number)
    with mail_server() as (server, box):
        await mail(server.port, language=language).send(notification(updated))
        await mail(server.port, language=language).send(FIRING)

    with_updates, without = box.messages
    assert f" · {told}<" in box.part(with_updates, "html")
    assert "pdate" not in box.part(without, "html") + box.part(without, "plain")
    plain = told if language == "zh" else f"Updates since it began: {number}"
    assert plain in box.part(with_updates, "plain")
