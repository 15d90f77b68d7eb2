"""Loading settings, and telling every fault with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_system.kernel.errors import ConfigurationError, ExposedServerError
from event_system.node.configuration import load_settings
from event_system.node.effective import MASK, effective_settings
from event_system.node.settings import check_exposure, is_exposed

DEPLOYMENT_GUIDE = """\
# 事件系统配置
server:
  host: 0.0.0.0
  port: 8080

event:
  async_workers: 4
  async_channel_size: 1000
  max_event_size: 1048576

database:
  enabled: true
  dsn: user:password@tcp(localhost:3306)/event_system?charset=utf8mb4&parseTime=True&loc=Local

logging:
  level: info
  format: json

metrics:
  enabled: true
  port: 9090
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def faults(path: Path, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, environment or {})
    return caught.value.detail.splitlines()


def test_the_deployment_guides_file_is_accepted_as_it_stands(file: Path) -> None:
    file.write_text(DEPLOYMENT_GUIDE)
    loaded = load_settings(file, {})
    assert loaded.settings.server.host == "0.0.0.0"
    assert loaded.settings.database.enabled
    assert str(loaded.settings.database.address) == "mysql://user@localhost:3306/event_system"
    assert [warning for warning in loaded.warnings if "refuse to start" not in warning] == []
    with pytest.raises(ExposedServerError):
        check_exposure(loaded.settings)


def test_an_empty_file_means_the_defaults(file: Path) -> None:
    file.write_text("")
    assert load_settings(file, {}).settings == load_settings(None, {}).settings


def test_all_faults_are_told_at_once_with_their_lines(file: Path) -> None:
    file.write_text("server:\n  prot: 1\n  port: 99999\nevent:\n  async_workers: zero\n")
    told = faults(file, {"EVENT_SYSTEM_EVENT__LANES": "-1"})
    assert len(told) == 4
    assert f"{file}:2: server.prot: no such setting; did you mean `port`?" in told
    assert any(line.startswith(f"{file}:3: server.port:") and "99999" in line for line in told)
    assert any(line.startswith(f"{file}:5: event.async_workers:") for line in told)
    assert any(line.startswith("EVENT_SYSTEM_EVENT__LANES: event.lanes:") for line in told)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("server:\n\tport: 1\n", "not YAML"),
        ("server: {port: 1\n", "not YAML"),
        ("- a\n", "must be a mapping"),
        ("server:\n  port: 1\n  port: 2\n", "given twice"),
        ("a: &x [1]\nb: *x\n", "aliases are not allowed"),
        ("logging: 5\n", "valid dictionary"),
        ("event: {dedupe_window: soon}\n", "a duration is like"),
        ("event: {max_event_size: big}\n", "a size is like"),
        ("server: {port: !!python/object:os.system 1}\n", "cannot be read"),
        ("x: " + "[" * 50 + "]" * 50 + "\n", "nested too deeply"),
    ],
)
def test_what_is_no_configuration_is_refused_with_the_reason(
    file: Path, text: str, problem: str
) -> None:
    file.write_text(text)
    assert any(problem in line for line in faults(file))


def test_a_file_that_is_absent_binary_or_huge_is_refused(file: Path) -> None:
    assert "cannot be read" in faults(file)[0]
    file.write_bytes(b"\xff\xfe\x00")
    assert "no UTF-8" in faults(file)[0]
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    assert "bytes" in faults(file)[0]


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(file: Path) -> None:
    file.write_text("server: {port: 1}\nlogging: {level: error}\n")
    environment = {
        "EVENT_SYSTEM_SERVER__PORT": "2",
        "EVENT_SYSTEM_LOG_LEVEL": "debug",
        "EVENT_SYSTEM_ENV": "test",
        "EVENT_SYSTEM_DATABASE_DSN": "u:p@tcp(h)/d",
        "EVENT_SYSTEM_LISTENERS__MODULES": "a, b.py",
    }
    loaded = load_settings(file, environment, {"server.port": 3})
    assert loaded.settings.server.port == 3
    assert loaded.settings.logging.level == "debug"
    assert loaded.settings.environment == "test"
    assert loaded.settings.listeners.modules == ["a", "b.py"]
    assert loaded.sources["server.port"] == "command line"
    assert loaded.sources["logging.level"] == "EVENT_SYSTEM_LOG_LEVEL"


def test_secrets_come_from_files_and_are_never_shown(file: Path) -> None:
    (file.parent / "dsn").write_text("user:hunter2@tcp(h)/d\n")
    (file.parent / "keys").write_text(f"- name: game\n  hash: sha256:{'a' * 64}\n")
    file.write_text("database: {dsn_file: dsn}\nsecurity: {api_keys_file: keys}\n")
    loaded = load_settings(file, {})
    dsn = loaded.settings.database.dsn
    assert dsn is not None
    assert dsn.get_secret_value() == "user:hunter2@tcp(h)/d"
    assert loaded.settings.security.entries() == [("game", "sha256:" + "a" * 64)]
    shown = {row.key: row.value for row in effective_settings(loaded)}
    assert shown["database.dsn"] == MASK
    assert "hunter2" not in str(shown)
    assert shown["security.api_keys"] == ["game"]


def test_a_faulty_key_file_is_named(file: Path) -> None:
    (file.parent / "keys").write_text("- name: game\n  hash: md5:1\n")
    file.write_text("security: {api_keys_file: keys}\n")
    (line,) = faults(file)
    assert line.startswith(f"{file.parent / 'keys'}: security.api_keys[0].hash:")


def test_a_missing_secret_file_is_a_fault(file: Path) -> None:
    file.write_text("database: {dsn_file: nowhere}\n")
    (line,) = faults(file)
    assert line.startswith(f"{file}:1: database.dsn_file:")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_loopback_needs_no_key(host: str) -> None:
    settings = load_settings(None, {}, {"server.host": host}).settings

    check_exposure(settings)
    assert not is_exposed(settings)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "game.example"])
def test_other_addresses_need_a_key_or_a_word(host: str) -> None:
    with pytest.raises(ExposedServerError):
        check_exposure(load_settings(None, {}, {"server.host": host}).settings)
    allowed = {"server.host": host, "server.allow_anonymous": True}
    check_exposure(load_settings(None, {}, allowed).settings)


@pytest.mark.parametrize(
    ("text", "key", "word"),
    [
        ("{enabled: true}", "database", "dsn_file"),
        ("{dsn: 'u:hunter2@tcp(h:x)/d'}", "database.dsn", "IPv6"),
        ("{dsn: 'oracle://u:hunter2@h/d'}", "database.dsn", "oracle"),
        ("{replicas: ['u:hunter2@tcp(h)']}", "database.replicas", "Neither"),
        (
            "{dsn: 'mysql://u:hunter2@h/d', replicas: ['postgresql://u:hunter2@h/d']}",
            "database",
            "same kind",
        ),
        ("{pool: {max_open_conns: 5, max_idle_conns: 6}}", "database.pool", "above"),
        ("{pool: {max_open_conns: 0}}", "database.pool.max_open_conns", "4"),
        ("{poll_interval: 1h}", "database.poll_interval", "10 seconds"),
        ("{slow_query_treshold: 1s}", "database.slow_query_treshold", "slow_query_threshold"),
    ],
)
def test_a_fault_of_the_database_is_told_without_its_password(
    file: Path, text: str, key: str, word: str
) -> None:
    file.write_text(f"database: {text}\n")

    (line,) = faults(file)

    assert line.startswith(f"{file}:1: {key}:")
    assert word in line
    assert "hunter2" not in line


def test_replicas_are_never_shown(file: Path) -> None:
    file.write_text("database: {replicas: ['u:hunter2@tcp(h)/d', 'u@tcp(i)/d']}\n")

    shown = {row.key: row.value for row in effective_settings(load_settings(file, {}))}

    assert shown["database.replicas"] == [MASK, MASK]
