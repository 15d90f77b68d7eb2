"""Providers of text messages and calls in a configuration."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from event_system.kernel.errors import AlertingConfigurationError
from tests.support.alerting import configuration

SECRET = "geheim-0815"
NUMBER = "+8613800138000"
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


def read(kind: str, members: dict[str, Any]) -> None:
    receiver = {"name": "r", f"{kind}_configs": [members]}
    configuration(json.dumps({"route": {"receiver": "r"}, "receivers": [receiver]}))


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({**TWILIO, "to": "13800138000"}, "to: has to be numbers like"),
        ({**TWILIO, "to": []}, "to: has to be numbers like"),
        ({**TWILIO, "to": [NUMBER] * 51}, "over 50 numbers"),
        ({"to": NUMBER}, "provider: is needed here or as `global.sms_provider`"),
        ({"to": NUMBER, "provider": "pigeon"}, "is one of twilio, aliyun, tencent, http"),
        ({**TWILIO, "to": NUMBER, "from": ""}, "from: is needed"),
        ({**ALIYUN, "to": NUMBER}, "sign_name: is needed"),
        ({**TWILIO, "to": NUMBER, "auth_token": ""}, "auth_token: is needed, or `auth_token_file`"),
        ({**TWILIO, "to": NUMBER, "language": "de"}, "is either en or zh"),
        ({**TWILIO, "to": NUMBER, "max_length": 5}, "lies between 20 and 1600"),
        ({"to": NUMBER, "provider": "http", "url": "gopher://x"}, "is no URL"),
        (
            {"to": NUMBER, "provider": "http", "url": "http://x", "method": "DELETE"},
            "is one of GET",
        ),
        (
            {"to": NUMBER, "provider": "http", "url": "http://x", "headers": {"a\nb": "c"}},
            "is no header",
        ),
    ],
)
def test_a_fault_is_told(members: dict[str, Any], fault: str) -> None:
    with pytest.raises(AlertingConfigurationError) as raised:
        read("sms", members)

    assert fault in raised.value.detail
    assert SECRET not in raised.value.detail


def test_tencent_makes_no_calls() -> None:
    with pytest.raises(AlertingConfigurationError, match="text messages only"):
        read("phone", {"to": NUMBER, **TENCENT})


OWN = {
    "global": {"sms_provider": TWILIO, "wechat_agent_id": "7", "dingtalk_secret": SECRET},
    "route": {"receiver": "r", "routes": [{"match": {"language": "zh"}}]},
    "receivers": [
        {
            "name": "r",
            "sms_configs": [{"to": NUMBER}],
            "email_configs": [
                {
                    "to": "a@example.org",
                    "from": "b@example.org",
                    "smarthost": "x:25",
                    "language": "zh",
                }
            ],
        }
    ],
}


def test_what_alertmanagers_tools_do_not_know_is_not_shown() -> None:
    shown = yaml.safe_load(configuration(json.dumps(OWN)).original)

    assert shown == {
        "global": {},
        "route": {"receiver": "r", "routes": [{"match": {"language": "zh"}}]},
        "receivers": [
            {
                "name": "r",
                "email_configs": [
                    {"to": "a@example.org", "from": "b@example.org", "smarthost": "x:25"}
                ],
            }
        ],
    }
