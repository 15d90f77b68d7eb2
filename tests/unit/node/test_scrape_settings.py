"""Files that name targets: where their paths begin, and which paths can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_system.kernel.errors import ConfigurationError
from event_system.node.configuration import load_settings
from event_system.node.time_series import jobs_of

JOB = "{job_name: a, file_sd_configs: [{files: ['%s'], refresh_interval: 30s}]}"


def patterns(path: Path) -> list[tuple[str, ...]]:
    settings = load_settings(path, {}).settings
    return [files.patterns for job in jobs_of(settings.metrics) for files in job.files]


def test_paths_begin_at_the_file_that_says_them(tmp_path: Path) -> None:
    config = tmp_path / "node.yaml"
    config.write_text(f"metrics: {{scrape_configs: [{JOB % 't/*.json'}]}}")

    assert patterns(config) == [(f"{tmp_path}/t/*.json",)]


def test_those_of_a_prometheus_configuration_begin_beside_that(tmp_path: Path) -> None:
    other = tmp_path / "other" / "prometheus.yml"
    other.parent.mkdir()
    other.write_text(f"scrape_configs: [{JOB % 'x.yaml'}]")
    config = tmp_path / "node.yaml"
    config.write_text(f"metrics: {{scrape_config_file: '{other}'}}")

    assert patterns(config) == [(f"{other.parent}/x.yaml",)]


@pytest.mark.parametrize("pattern", ["x.txt", "*/x.json", "x.json*", ""])
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, pattern: str) -> None:
    config = tmp_path / "node.yaml"
    config.write_text(f"metrics: {{scrape_configs: [{JOB % pattern}]}}")

    with pytest.raises(ConfigurationError, match="files"):
        load_settings(config, {})
