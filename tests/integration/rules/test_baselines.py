"""The rules of `examples/` that Prometheus cannot read do what their unit tests say."""

from __future__ import annotations

from pathlib import Path

from event_system.promql.evaluator import Rules
from event_system.rules.trial import run_tests

EXAMPLES = Path(__file__).parents[3] / "examples" / "rules"


def test_the_baselines_pass_their_unit_tests() -> None:
    assert run_tests(EXAMPLES / "tests" / "baselines.yml", Rules()) == []


def test_the_unit_tests_notice_a_wrong_baseline(tmp_path: Path) -> None:
    rules = (EXAMPLES / "baselines.yml").read_text()
    tests = (EXAMPLES / "tests" / "baselines.yml").read_text()
    (tmp_path / "baselines.yml").write_text(rules.replace("rate5m[4w])", "rate5m[4w] offset 1w)"))
    (tmp_path / "wrong.yml").write_text(tests.replace("../baselines.yml", "baselines.yml"))

    failed = {failure.what for failure in run_tests(tmp_path / "wrong.yml", Rules())}

    assert "expr 'job:events_triggered:baseline' at 4w" in failed
