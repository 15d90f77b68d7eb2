"""Signatures against the worked examples in the vendors' documentation."""

from __future__ import annotations

import hashlib

from event_system.alerting.channels.providers import aliyun, tencent
from event_system.alerting.secret import Secret


def test_aliyun_signs_as_its_documentation_does() -> None:
    """The example "fixed parameters" of signature V3."""
    query = aliyun.canonical_query(
        {
            "RegionId": "cn-shanghai",
            "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        }
    )
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }

    signed = aliyun.authorization("YourAccessKeyId", Secret("YourAccessKeySecret"), query, headers)

    assert signed == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_tencent_signs_as_its_documentation_does() -> None:
    """The example of signature v3: `DescribeInstances`."""
    credentials = (
        "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
        Secret("Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"),
    )
    signed = {
        "content-type": "application/json; charset=utf-8",
        "host": "cvm.tencentcloudapi.com",
    }
    body = (
        rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    )

    found = tencent.authorization(credentials, "cvm", 1551113065, signed, body)

    assert found == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, "
        "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


def test_everything_but_unreserved_characters_is_encoded() -> None:
    query = aliyun.canonical_query({"b": "a b*~+/中", "A": ""})

    assert query == "A=&b=a%20b%2A~%2B%2F%E4%B8%AD"
