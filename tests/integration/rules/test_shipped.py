"""The shipped unit tests of rules, run by our own command; promtool runs them in `deploy/`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from event_system.cli.main import app
from tools.alerts.catalogue import BASELINES, alerts, topics
from tools.alerts.pages import RULES

FOLDER = Path(__file__).resolve().parents[3] / RULES
LIMIT = re.compile(r"(?<=[<>=] )[0-9.]+")


def run(folder: Path) -> tuple[int, dict[str, set[str]]]:
    """The exit code of `rules test` over all files of `folder`/tests, and the tests that failed."""
    files = sorted(map(str, (folder / "tests").glob("*.yml")))
    done = CliRunner().invoke(app, ["rules", "test", "--json", *files], catch_exceptions=False)
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return done.exit_code, {
        Path(file).stem: {failure["test"] for failure in failures}
        for file, failures in found.items()
    }


def test_every_shipped_alert_fires_where_it_should_and_nowhere_else() -> None:
    code, failed = run(FOLDER)

    assert code == 0, failed
    assert failed == {topic: set() for topic in topics()}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda limit: 100 * limit or 1e6, id="higher"),
        pytest.param(lambda limit: limit / 100 or -1.0, id="lower"),
    ],
)
def test_every_changed_threshold_fails_its_alerts_tests(tmp_path: Path, change: Any) -> None:
    for path in FOLDER.rglob("*.yml"):
        if not path.stem.endswith(BASELINES):
            copy = tmp_path / path.relative_to(FOLDER)
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(path, copy)
    for path in tmp_path.glob("*.yml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for rule in content["groups"][0]["rules"]:
            rule["expr"] = LIMIT.sub(lambda found: str(change(float(found[0]))), rule["expr"])
        path.write_text(yaml.safe_dump(content), encoding="utf-8")

    code, failed = run(tmp_path)

    limited = {alert.name for alert in alerts() if LIMIT.search(alert.expr)}
    assert code == 1
    assert {test.split()[0] for tests in failed.values() for test in tests} == limited
