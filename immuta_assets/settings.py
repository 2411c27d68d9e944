"""Every setting of the project, typed, from ``IMMUTA_ASSETS_*`` environment variables and a ``.env`` file.

Add a setting here when an operator must be able to choose it, with a default that keeps the demo working; the table in
README.md lists the same names. What a single call chooses belongs to that call's parameters. A value is held to its
form alone: whether it names something that there is, say a version of the export, is asked where that is known, so that
nothing of the domain is loaded here.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from immuta_assets.durations import EXAMPLES, parse_duration
from immuta_assets.object_store.addresses import ALLOWED as ADDRESS
from immuta_assets.object_store.addresses import parse
from immuta_assets.object_store.interface import StoreError
from immuta_assets.secrets import quote_value

PREFIX = "IMMUTA_ASSETS_"
ENV_FILE = ".env"


class SettingsError(Exception):
    """Wrong settings: one line per variable, saying what it holds and what is allowed."""


class LayoutChoice(NamedTuple):
    """A version of the export that a deployment publishes: for good, or until an export day and on it."""

    version: str
    until: date | None = None

    def __str__(self) -> str:
        return f"{self.version}:{self.until}" if self.until else self.version


def parse_layouts(text: str) -> tuple[LayoutChoice, ...]:
    """Parse versions separated by commas, each perhaps with ``:`` and the last export day of its parallel period.

    Raises ``ValueError`` with one sentence where a version is missing or a date is none.
    """
    return tuple(_parse_layout(part.strip()) for part in text.split(","))


def _parse_layout(part: str) -> LayoutChoice:
    version, colon, until = part.partition(":")
    if not version:
        msg = f"{quote_value(part)} names no version of the export."
        raise ValueError(msg)
    return LayoutChoice(version, _parse_day(until, part) if colon else None)


def _parse_day(text: str, part: str) -> date:
    """Parse a day as it is written everywhere else; ISO's other forms would be read differently by people."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        msg = f"{quote_value(part)} names no date; a parallel period ends on a day such as 2027-01-31."
        raise ValueError(msg)
    return day


def _parse_path(value: object) -> object:
    # Path("s3://bucket") and Path("~/x") would silently become folders named "s3:" and "~".
    if "://" in str(value) or str(value).startswith("~"):
        msg = "neither a URI nor ~ is a path"
        raise ValueError(msg)
    return value


def _parse_address(value: object) -> object:
    try:
        return parse(str(value)).uri
    except StoreError as error:
        raise ValueError(str(error)) from error


def _parse_destinations(value: object) -> object:
    return (
        tuple(_parse_address(part.strip()) for part in str(value).split(","))
        if isinstance(value, str | Path)
        else value
    )


def _parse_words(value: object) -> object:
    return tuple(map(SecretStr, value.split())) if isinstance(value, str) else value


def _parse_layout_choices(value: object) -> object:
    return parse_layouts(value) if isinstance(value, str) else value


def _parse_duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _find_demo_folder(name: str) -> Path:
    return Path(os.environ.get("DAGSTER_HOME") or "dagster_home") / "demo" / name


def _define_setting(description: str, *, allowed: str, **options: Any) -> Any:  # noqa: ANN401  # as pydantic.Field
    return Field(description=description, json_schema_extra={"allowed": allowed}, **options)


class Settings(BaseSettings):
    """The settings; field ``x`` is the variable ``IMMUTA_ASSETS_X``, and an empty variable counts as absent."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True
    )

    tenant: Annotated[str, BeforeValidator(_parse_path)] = _define_setting(
        "Folder of the tenant dump; `{export_day}` in it stands for the export day (YYYY-MM-DD).",
        allowed="the path of a local folder, which may hold {export_day}",
        default_factory=lambda: str(_find_demo_folder("tenant")),
    )
    store: Annotated[str, BeforeValidator(_parse_address)] = _define_setting(
        "Where the assets' Parquet files lie: a folder, s3://, abfss://, az:// or gs://.",
        allowed=ADDRESS,
        default_factory=lambda: str(_find_demo_folder("store")),
    )
    destination: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_destinations)] = _define_setting(
        "Where the files of the export are published: folders, s3://, abfss://, az:// or gs://, separated by commas.",
        allowed=f"addresses separated by commas, each of them {ADDRESS}",
        default_factory=lambda: (str(_find_demo_folder("published")),),
        min_length=1,
    )
    max_shrink: float = _define_setting(
        "Share of its rows that a table may lose from one publication to the next.",
        allowed="a number from 0 to 1 such as 0.3",
        default=0.3,
        ge=0,
        le=1,
    )
    s3_role_arn: str | None = _define_setting(
        "Role that is assumed to publish on S3, at addresses without a profile; by default none.",
        allowed="arn:aws:iam::<account>:role/<name>",
        default=None,
    )
    s3_external_id: SecretStr | None = _define_setting(
        "External id that goes with the role.", allowed="text", default=None
    )
    s3_kms_key: str | None = _define_setting(
        "Key by which S3 encrypts what is published; by default the bucket's own.",
        allowed="the id or the ARN of a KMS key",
        default=None,
    )
    deadline_grace: Annotated[timedelta, BeforeValidator(_parse_duration)] = _define_setting(
        "How long after 05:00 the files of an export day are overdue.",
        allowed=f"a duration from 0 to below 24h such as {EXAMPLES}",
        default=timedelta(hours=2),
        ge=timedelta(0),
        lt=timedelta(days=1),
    )
    notify: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_parse_words)] = _define_setting(
        "Addresses, in the form of apprise and separated by blanks, that are told of what fails; by default the log.",
        allowed="addresses such as mailto://… or slack://…, separated by blanks",
        default=(),
    )
    notify_every: Annotated[timedelta, BeforeValidator(_parse_duration)] = _define_setting(
        "How often they are told again of what is still wrong.",
        allowed=f"a duration above 0 such as {EXAMPLES}",
        default=timedelta(hours=6),
        gt=timedelta(0),
    )
    ui: str = _define_setting(
        "Address of Dagster's UI, for links in notifications.",
        allowed="an address such as https://dagster.example.com",
        default="http://127.0.0.1:3000",
        pattern="^https?://",
    )
    connections: Annotated[Path, BeforeValidator(_parse_path)] = _define_setting(
        "File that names the data platforms whose query history is read; without it none is.",
        allowed="the path of a local YAML file",
        default_factory=lambda: _find_demo_folder("tenant") / "connections.yaml",
    )
    start: date = _define_setting(
        "First day (UTC) whose hours of query history can be read.",
        allowed="a date such as 2025-01-01",
        default=date(2025, 1, 1),
    )
    export_timezone: ZoneInfo = _define_setting(
        "Time zone of the daily export at 05:00.",
        allowed="an IANA time zone such as Europe/Berlin",
        default=ZoneInfo("UTC"),
    )
    layouts: Annotated[tuple[LayoutChoice, ...], NoDecode, BeforeValidator(_parse_layout_choices)] = _define_setting(
        "Versions of the export that are published, separated by commas; one with a date until that export day.",
        allowed="versions separated by commas such as prpr2 or prpr1:2027-01-31,prpr2",
        default=(LayoutChoice("prpr2"),),
        min_length=1,
    )
    dump_lead: Annotated[timedelta, BeforeValidator(_parse_duration)] = _define_setting(
        "How long before 05:00 a dump already belongs to the export day that then begins.",
        allowed=f"a duration from 0 to below 24h such as {EXAMPLES}",
        default=timedelta(0),
        ge=timedelta(0),
        lt=timedelta(days=1),
    )


VARIABLES = {PREFIX + field.upper(): info for field, info in Settings.model_fields.items()}
"""Every variable with its field: description, default and, in ``json_schema_extra``, what is allowed."""


_SECRET = frozenset(PREFIX + name for name in ("NOTIFY", "S3_EXTERNAL_ID", "DESTINATION", "STORE"))
"""Variables that hold secrets, or may: an address with a password in it is none that is allowed."""


def load(**options: object) -> Settings:
    """Read the settings: ``options`` (by field name) before the environment, the environment before ``.env``.

    Raises ``SettingsError`` for wrong values and for ``IMMUTA_ASSETS_*`` variables that are no settings.
    """
    given = _read_variables()
    problems = [_describe_unknown(name) for name in sorted(given.keys() - VARIABLES.keys())]
    values = given | {PREFIX + field.upper(): value for field, value in options.items()}
    try:
        settings = Settings(**options)  # type: ignore[arg-type]  # Pydantic checks each against its field
    except ValidationError as error:
        wrong = dict.fromkeys(f"{PREFIX}{detail['loc'][0]}".upper() for detail in error.errors())
        problems += [describe_wrong_value(name, values[name]) for name in wrong]
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _read_variables() -> dict[str, object]:
    try:
        variables = dotenv_values(ENV_FILE) | os.environ
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{Path(ENV_FILE).resolve()} cannot be read ({error}); settings are lines NAME=value in UTF-8."
        raise SettingsError(msg) from error
    return {name.upper(): value for name, value in variables.items() if name.upper().startswith(PREFIX)}


def _describe_unknown(name: str) -> str:
    (nearest,) = get_close_matches(name, VARIABLES, n=1, cutoff=0)
    return f"{name} is not a setting; did you mean {nearest}?"


def describe_wrong_value(name: str, value: object) -> str:
    """Say what a variable holds and what is allowed; of one that may hold a secret, the value is not shown."""
    extra = VARIABLES[name].json_schema_extra
    allowed = extra["allowed"] if isinstance(extra, dict) else ""
    held = "wrong (not shown)" if name in _SECRET else quote_value(str(value))
    return f"{name} is {held}; allowed is {allowed}."
