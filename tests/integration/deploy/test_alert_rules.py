"""The shipped alerting rules, as Prometheus' own tool reads and tests them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.alerts.catalogue import topics
from tools.alerts.pages import RULES

FOLDER = Path(__file__).resolve().parents[3] / RULES

pytestmark = pytest.mark.service("prometheus")


def promtool(*arguments: str) -> tuple[int, str]:
    """Its exit code and all that it says."""
    done = subprocess.run(
        ["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("topic", topics())
def test_prometheus_takes_the_rules(topic: str) -> None:
    code, said = promtool("check", "rules", f"{topic}.yml")

    assert code == 0, said
    assert f"{len(topics()[topic])} rules found" in said


@pytest.mark.parametrize("topic", topics())
def test_every_alert_fires_where_it_should_and_nowhere_else(topic: str) -> None:
    code, said = promtool("test", "rules", f"tests/{topic}.yml")

    assert code == 0, said


def test_a_rule_with_another_threshold_fails_its_tests(tmp_path: Path) -> None:
    text = (FOLDER / "machine.yml").read_text(encoding="utf-8")
    (tmp_path / "machine.yml").write_text(
        text.replace("system_cpu_usage > 80", "system_cpu_usage > 95")
    )
    (tmp_path / "tests").mkdir()
    tests = tmp_path / "tests" / "machine.yml"
    tests.write_bytes((FOLDER / "tests" / "machine.yml").read_bytes())

    code, said = promtool("test", "rules", str(tests))

    assert code != 0
    assert "SystemCpuUsageHigh fires" in said
