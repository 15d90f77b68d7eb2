"""The settings of scraping, in the form of Prometheus' `scrape_configs`."""

from __future__ import annotations

import base64
import glob
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from event_system.kernel.errors import ConfigurationError, PromqlSyntaxError
from event_system.node.quantities import Duration, Size
from event_system.node.sections import Section
from event_system.promql.regexes import compiled

SECOND = timedelta(seconds=1)
LABEL_NAME = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
LARGEST_FILE = 16 * 1024 * 1024
MOST_JOBS = 1000
MOST_PATTERNS = 100

LabelName = Annotated[str, Field(pattern=LABEL_NAME)]
Text = Annotated[str, BeforeValidator(lambda v: str(v) if isinstance(v, int | float) else v)]


class RelabelSettings(Section):
    """One rule of relabelling."""

    action: Literal[
        "replace",
        "keep",
        "drop",
        "keepequal",
        "dropequal",
        "hashmod",
        "labelmap",
        "labeldrop",
        "labelkeep",
        "lowercase",
        "uppercase",
    ] = Field("replace", description="What the rule does.")
    source_labels: list[LabelName] = Field([], description="Labels whose values are joined.")
    separator: str = Field(";", description="What stands between the values.")
    regex: Text = Field("(.*)", description="What the joined values have to be, as a whole.")
    target_label: str = Field("", description="The label that is set.")
    replacement: Text = Field("$1", description="Its value; `$1` is the first group.")
    modulus: int = Field(0, description="Of `hashmod`.", ge=0)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        try:
            compiled(self.regex)
        except PromqlSyntaxError as error:
            raise ValueError(error.detail) from None
        setting = {"replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"}
        if self.action in setting and not self.target_label:
            raise ValueError(f"the action {self.action} needs a target_label")
        if self.action == "hashmod" and not self.modulus:
            raise ValueError("the action hashmod needs a modulus")
        return self


class BasicAuthSettings(Section):
    """User and password."""

    username: str = Field("", description="The user.")
    password: SecretStr | None = Field(None, description="The password.")
    password_file: str | None = Field(None, description="A file with the password.")


class AuthorizationSettings(Section):
    """The Authorization header."""

    type: str = Field("Bearer", description="The scheme.", pattern=r"^[A-Za-z0-9\-]+$")
    credentials: SecretStr | None = Field(None, description="What follows it.")
    credentials_file: str | None = Field(None, description="A file with it.")


class TlsSettings(Section):
    """How a target's certificate is checked."""

    ca_file: str | None = Field(None, description="Certificates that are trusted.")
    insecure_skip_verify: bool = Field(False, description="Trust any.")


class AccessSettings(Section):
    """How a server lets one in."""

    basic_auth: BasicAuthSettings | None = Field(None, description="User and password.")
    authorization: AuthorizationSettings | None = Field(None, description="A token.")
    tls_config: TlsSettings = Field(TlsSettings(), description="The server's certificate.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.basic_auth is not None and self.authorization is not None:
            raise ValueError("basic_auth and authorization exclude each other")
        return self

    @property
    def is_in_file(self) -> bool:
        """Whether the secret is in a file, which may change."""
        basic, given = self.basic_auth, self.authorization
        return (basic is not None and basic.password_file is not None) or (
            given is not None and given.credentials_file is not None
        )

    def header(self) -> str | None:
        """The value of Authorization. Raises `ConfigurationError` for a file that cannot be read."""
        if (basic := self.basic_auth) is not None:
            password = _secret(basic.password, basic.password_file)
            pair = f"{basic.username}:{password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        if (given := self.authorization) is not None:
            return f"{given.type} {_secret(given.credentials, given.credentials_file)}"
        return None


class StaticSettings(Section):
    """Addresses with labels of theirs."""

    targets: list[Annotated[str, Field(min_length=1, pattern=r"^[^/\s?#@]+$")]] = Field(
        [], description="`host:port` each."
    )
    labels: dict[LabelName, Text] = Field({}, description="Labels of all of them.")


def _target_file(pattern: str) -> str:
    """The same, or `ValueError`."""
    folder, _, name = pattern.rpartition("/")
    if not name.lower().endswith((".json", ".yml", ".yaml")):
        raise ValueError("the name has to end in .json, .yml or .yaml")
    if glob.has_magic(folder):
        raise ValueError("`*`, `?` and `[` may stand in the last part of the path only")
    return pattern


class FileSdSettings(Section):
    """Files that name targets."""

    files: list[Annotated[str, AfterValidator(_target_file)]] = Field(
        description="Their paths, from the file that says so; `*` may stand in the name.",
        min_length=1,
        max_length=MOST_PATTERNS,
    )
    refresh_interval: Duration = Field(
        300 * SECOND, description="How often all are read, changed or not.", ge=SECOND
    )


class ScrapeSettings(AccessSettings):
    """One job of `scrape_configs`."""

    job_name: str = Field(description="What it is called; the label `job`.", min_length=1)
    static_configs: list[StaticSettings] = Field([], description="Its targets.")
    file_sd_configs: list[FileSdSettings] = Field(
        [], description="Files that name further ones.", max_length=MOST_PATTERNS
    )
    scrape_interval: Duration | None = Field(None, description="How often.", ge=SECOND)
    scrape_timeout: Duration | None = Field(None, description="How long a scrape may take.")
    scheme: Literal["http", "https"] = Field("http", description="How it is asked.")
    metrics_path: str = Field("/metrics", description="Where.", pattern=r"^/")
    params: dict[str, list[Text]] = Field({}, description="Parameters of the URL.")
    honor_labels: bool = Field(False, description="The target's labels count, not ours.")
    honor_timestamps: bool = Field(True, description="The target's times count.")
    follow_redirects: bool = Field(True, description="Go where it sends us.")
    sample_limit: int = Field(0, description="Samples at most; 0 is no limit.", ge=0)
    body_size_limit: Size = Field(64 * 1024 * 1024, description="Bytes at most.", ge=0)
    relabel_configs: list[RelabelSettings] = Field([], description="Rules for targets.")
    metric_relabel_configs: list[RelabelSettings] = Field([], description="Rules for series.")

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        interval, timeout = self.scrape_interval, self.scrape_timeout
        if interval is not None and timeout is not None and timeout > interval:
            raise ValueError("scrape_timeout is longer than scrape_interval")
        return self


class _Global(Section):
    """What of the `global` section counts for scraping."""

    scrape_interval: Duration = Field(60 * SECOND, description="", ge=SECOND)
    scrape_timeout: Duration | None = Field(None, description="")


class _ScrapeFile(Section):
    """What of a Prometheus configuration is read."""

    scrape_configs: list[ScrapeSettings] = Field([], description="", max_length=MOST_JOBS)


def unique_names(configs: list[ScrapeSettings]) -> list[ScrapeSettings]:
    """The same, or `ValueError`."""
    names = [config.job_name for config in configs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two jobs are called {', '.join(twice)}")
    return configs


def anchored(config: ScrapeSettings, base: Path) -> ScrapeSettings:
    """The same job, with the relative paths of its `file_sd_configs` from `base`."""
    found = [
        each.model_copy(update={"files": [str(base / pattern) for pattern in each.files]})
        for each in config.file_sd_configs
    ]
    return config.model_copy(update={"file_sd_configs": found})


def read_scrape_file(path: Path) -> list[ScrapeSettings]:
    """The jobs of a Prometheus configuration; its other sections are left to others.

    Raises `ConfigurationError`.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigurationError(f"{path} is larger than {LARGEST_FILE} bytes")
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: {error}", where="metrics.scrape_config_file") from error
    if not isinstance(data, dict):
        raise ConfigurationError(f"{path} is no mapping", where="metrics.scrape_config_file")
    try:
        whole = _Global.model_validate(_known(data.get("global") or {}))
        found = _ScrapeFile(scrape_configs=data.get("scrape_configs") or [])
        jobs = unique_names(found.scrape_configs)
    except ValidationError as error:
        raise ConfigurationError(_faults(path, error), where=str(path)) from None
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{path}: {error}", where=str(path)) from None
    return [
        job.model_copy(
            update={
                "file_sd_configs": anchored(job, path.parent).file_sd_configs,
                "scrape_interval": job.scrape_interval or whole.scrape_interval,
                "scrape_timeout": job.scrape_timeout or whole.scrape_timeout,
            }
        )
        for job in jobs
    ]


def _known(section: Any) -> dict[str, Any]:
    return {name: section[name] for name in _Global.model_fields if name in section}


def _faults(path: Path, error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        place = ".".join(map(str, fault["loc"]))
        lines.append(f"{path}: {place}: {fault['msg']}")
    return "\n".join(lines)


def _secret(value: SecretStr | None, file: str | None) -> str:
    if value is not None or file is None:
        return "" if value is None else value.get_secret_value()
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}") from error
