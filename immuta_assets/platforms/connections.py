"""The connections of ``connections.yaml``: which data platforms are read, and with which credentials.

The file holds no secrets: each is a reference ``{env: NAME}`` to an environment variable, resolved while the file is
read. Add a key here when an operator must choose it per connection; what holds for all connections is a setting
(``settings``). Nothing here talks to a platform: how a connection is opened belongs to its reader.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from immuta_assets.platforms.history import Platform
from immuta_assets.settings import SettingsError

LONGEST_VALUE = 60
REREAD_PLAN = (timedelta(minutes=5), *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 24, 72)))
"""When an hour is read, counted from its end, unless a connection says otherwise."""

_NAME = "[a-z][a-z0-9_]*"

_TOLD = "told"
"""Type of the validation errors whose message is already complete."""

# PyYAML also raises these bare, for nesting that is too deep, impossible dates, and tags such as `!!int` on no number.
_YAML_ERRORS = (yaml.YAMLError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

_SECRET_OPTION = re.compile(
    r"passw|passphrase|passcode|token|secret|credential|private_key|_pwd|api_?key", re.IGNORECASE
)


class ConnectionsError(SettingsError):
    """Wrong connections: one line per problem, saying where it is, what is there and what is allowed."""


class _Context(NamedTuple):
    environment: Mapping[str, str]
    folder: Path


def _told(message: str) -> PydanticCustomError:
    return PydanticCustomError(_TOLD, "{message}", {"message": message})


def _context(info: ValidationInfo) -> _Context:
    if not isinstance(info.context, _Context):
        msg = "Connections are made by load, which knows the environment."
        raise TypeError(msg)
    return info.context


def _secret(value: object, info: ValidationInfo) -> SecretStr:
    match value:
        case SecretStr():  # already resolved: the file cannot hold one
            return value
        case {"env": str(name), **others} if not others and re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            secret = _context(info).environment.get(name)
        case _:
            msg = "is not a reference (its value is not shown); allowed is {env: NAME of an environment variable}"
            raise _told(msg)
    if not secret:
        msg = f"refers to the environment variable {name}, which is not set"
        raise _told(msg)
    return SecretStr(secret)


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):  # already read: the file cannot hold one
        return value
    parts = re.fullmatch(r"(?=\d)(?:(\d{1,4})h)?(?:(\d{1,4})m)?", str(value), re.ASCII)
    if parts is None:
        msg = "not a duration"
        raise ValueError(msg)
    hours, minutes = (int(part or 0) for part in parts.groups())
    return timedelta(hours=hours, minutes=minutes)


def _ascending(plan: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if list(plan) != sorted(set(plan)):
        msg = "not ascending"
        raise ValueError(msg)
    return plan


_Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]


def _options(value: object, info: ValidationInfo) -> dict[str, object]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        msg = "is no mapping; allowed are keyword arguments of the platform's driver"
        raise _told(msg)
    return {name: _option(name, option, info) for name, option in value.items()}


def _option(name: str, value: object, info: ValidationInfo) -> object:
    is_reference = isinstance(value, SecretStr) or (isinstance(value, dict) and "env" in value)
    if not is_reference and (isinstance(value, bool) or not _SECRET_OPTION.search(name)):
        return value
    try:
        return _secret(value, info)
    except PydanticCustomError as error:
        msg = f"holds {_shown(name)}, which {error.message()}"
        raise _told(msg) from None


def _platform(value: object) -> object:
    return {platform.lower(): platform for platform in Platform}.get(str(value), value)


def _beside_the_file(value: object, info: ValidationInfo) -> Path:
    if isinstance(value, Path):  # already resolved: the file cannot hold one
        return value
    if not isinstance(value, str) or not value or "://" in value or value.startswith("~"):
        msg = "neither a URI nor ~ is a path"
        raise ValueError(msg)
    return _context(info).folder / value


def _key(allowed: str, **options: Any) -> Any:  # noqa: ANN401  # as pydantic.Field
    return Field(json_schema_extra={"allowed": allowed}, **options)


_Secret = Annotated[SecretStr | None, BeforeValidator(_secret)]


def _secret_key() -> Any:  # noqa: ANN401  # as pydantic.Field
    return _key("{env: NAME of an environment variable}", default=None)


class _Connection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = _key("text such as sales_eu: a to z, 0 to 9 and _, beginning with a letter", pattern=f"^{_NAME}$")
    reread: Annotated[tuple[_Duration, ...], AfterValidator(_ascending)] = _key(
        "an ascending list of durations after the end of an hour, such as [5m, 1h, 2h30m]",
        default=REREAD_PLAN,
        min_length=1,
    )
    hold: bool = _key(
        "true (an event waits up to three hours for the objects of its statement) or false", default=True, strict=True
    )
    users: Literal["all", "registered"] = _key(
        "all (everybody's statements) or registered (those of the tenant's users)", default="all"
    )


def _exactly_one(given: list[str], allowed: str) -> None:
    if len(given) != 1:
        msg = f"{' and '.join(given) or 'no credential'} is there; allowed is exactly one of {allowed}"
        raise _told(msg)


class _Warehouse(_Connection):
    """What the connections over a network have in common."""

    objects: Literal["direct", "base"] = _key(
        "direct (the objects a statement names) or base (the tables below its views)", default="direct"
    )
    connect_options: Annotated[dict[str, object], BeforeValidator(_options)] = _key(
        "keyword arguments of the platform's driver", default_factory=dict, repr=False
    )

    @model_validator(mode="after")
    def _options_are_not_keys(self) -> _Warehouse:
        twice = sorted(self.connect_options.keys() & type(self).model_fields.keys())
        if twice:
            msg = f"connect_options holds {', '.join(twice)}; such a key belongs to the connection itself"
            raise _told(msg)
        return self

    def driver_options(self) -> dict[str, object]:
        """``connect_options`` as the driver takes them, secrets in clear: never log or print them."""
        return {
            name: option.get_secret_value() if isinstance(option, SecretStr) else option
            for name, option in self.connect_options.items()
        }


class SnowflakeConnection(_Warehouse):
    """An account of Snowflake, entered with a key pair, an OAuth token or a password: exactly one of them is set."""

    platform: ClassVar = Platform.SNOWFLAKE

    kind: Literal["snowflake"]
    account: str = _key("an account identifier such as acme-prod", pattern=r"^[A-Za-z0-9_.-]+$")
    user: str = _key("text: the name of the user who reads the history", min_length=1)
    private_key: _Secret = _secret_key()
    private_key_passphrase: _Secret = _secret_key()
    token: _Secret = _secret_key()
    password: _Secret = _secret_key()
    role: str = _key("text: the name of a role", min_length=1)
    warehouse: str = _key("text: the name of a warehouse", min_length=1)

    @model_validator(mode="after")
    def _one_credential(self) -> SnowflakeConnection:
        given = [name for name in ("private_key", "token", "password") if getattr(self, name)]
        _exactly_one(given, "private_key (key pair), token (OAuth) or password")
        if self.private_key_passphrase and not self.private_key:
            msg = "private_key_passphrase is there without private_key"
            raise _told(msg)
        return self


_HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
_WorkspaceId = Annotated[str, Field(pattern="^[0-9]+$")]


class UnityCatalogConnection(_Warehouse):
    """A SQL warehouse of Databricks, entered with a token or as a service principal (OAuth): exactly one is set.

    ``workspaces`` holds the ids of the workspaces that are read; empty means all that the warehouse sees. A workspace
    without a host in ``workspace_hosts`` has that of the connection.
    """

    platform: ClassVar = Platform.DATABRICKS

    kind: Literal["unity_catalog"]
    host: _HostName = _key("a host name without https://, such as dbc-1234.cloud.databricks.com")
    http_path: str = _key("a path such as /sql/1.0/warehouses/abc", pattern=r"^/\S+$")
    token: _Secret = _secret_key()
    client_id: str | None = _key("text: the application id of a service principal", default=None, min_length=1)
    client_secret: _Secret = _secret_key()
    workspaces: tuple[_WorkspaceId, ...] = _key(
        'a list of ids in quotes such as ["3841033049363283"]; without the key all workspaces are read',
        default=(),
        min_length=1,
    )
    workspace_hosts: dict[_WorkspaceId, _HostName] = _key(
        'a mapping of ids in quotes to host names such as {"3841033049363283": dbc-1234.cloud.databricks.com}',
        default_factory=dict,
    )

    @model_validator(mode="after")
    def _one_credential(self) -> UnityCatalogConnection:
        if (self.client_id is None) != (self.client_secret is None):
            msg = "client_id and client_secret go together; one of them is missing"
            raise _told(msg)
        given = [name for name in ("token", "client_id") if getattr(self, name)]
        _exactly_one(given, "token, or client_id and client_secret (OAuth)")
        return self


class EmbeddedConnection(_Connection):
    """A DuckDB file with the history of a platform; ``path`` is meant from the folder of ``connections.yaml``."""

    kind: Literal["embedded"]
    platform: Annotated[Platform, BeforeValidator(_platform)] = _key("snowflake or databricks")
    path: Annotated[Path, BeforeValidator(_beside_the_file)] = _key("the path of a DuckDB file")
    account: str = _key("text: the account whose history it is", default="embedded", min_length=1)
    host: str = _key("text: the host of the data sources, as the tenant names it", default="embedded", min_length=1)


Connection = SnowflakeConnection | UnityCatalogConnection | EmbeddedConnection

_KINDS: dict[str, type[Connection]] = {
    "snowflake": SnowflakeConnection,
    "unity_catalog": UnityCatalogConnection,
    "embedded": EmbeddedConnection,
}


def load(path: Path, environment: Mapping[str, str]) -> list[Connection]:
    """Read the connections of the file ``path``, in its order, with secrets from ``environment``.

    Raises ``ConnectionsError`` with every problem of the file; an environment variable that is empty is not set.
    """
    connections: list[Connection] = []
    problems: list[str] = []
    for number, entry in enumerate(_entries(path), 1):
        connection, wrong = _parsed(entry, _Context(environment, path.parent))
        problems += [f"{path}: connection {_label(entry, number)}: {problem}." for problem in wrong]
        connections += [connection] if connection else []
    names = Counter(connection.name for connection in connections)
    problems += [f"{path}: {count} connections are named {name}." for name, count in names.items() if count > 1]
    if problems:
        raise ConnectionsError("\n".join(problems))
    return connections


def load_names(path: Path) -> list[str]:
    """Read only the names of the connections of the file ``path``, in its order: whoever watches has no secrets.

    Raises ``ConnectionsError`` for a file that is none, and for a connection without a name.
    """
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in _entries(path)]
    problems = [
        f"{path}: connection {number} has no name that is allowed: a to z, 0 to 9 and _, beginning with a letter."
        for number, name in enumerate(names, 1)
        if not re.fullmatch(_NAME, str(name or ""))
    ]
    if problems:
        raise ConnectionsError("\n".join(problems))
    return [str(name) for name in names]


def _entries(path: Path) -> list[object]:
    document = _document(path)
    match document:
        case {"connections": list(entries), **others} if not others:
            return entries
    msg = f"{path} must hold one key, connections, with a list of connections."
    raise ConnectionsError(msg)


class _Loader(yaml.SafeLoader):
    """YAML's plain types only, and a key that is given twice is an error instead of the later one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if any(count > 1 for count in counts.values()):
            raise yaml.constructor.ConstructorError(problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def _document(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a SafeLoader
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
    except _YAML_ERRORS as error:
        # What the error says may quote the file, and a secret with it.
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        msg = f"{path} is not valid YAML in UTF-8 with every key once{where}."
    raise ConnectionsError(msg)


def _parsed(entry: object, context: _Context) -> tuple[Connection | None, list[str]]:
    if not isinstance(entry, dict):
        return None, ["is no mapping; allowed are keys with values"]
    model = _KINDS.get(str(entry.get("kind")))
    if model is None:
        held = f"kind is {_shown(entry['kind'])}" if "kind" in entry else "kind is missing"
        return None, [f"{held}; allowed is {', '.join(_KINDS)}"]
    try:
        return model.model_validate(entry, context=context), []
    except ValidationError as error:
        # Pydantic may say of one key that an element is wrong and that the list is too short without it.
        by_key = {detail["loc"][:1]: detail for detail in reversed(error.errors())}
        return None, [_problem(detail, model) for detail in reversed(by_key.values())]


def _problem(detail: ErrorDetails, model: type[Connection]) -> str:
    key = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == _TOLD:
        return f"{key} {detail['msg']}".strip()
    field = model.model_fields.get(key)
    if field is None:
        return f"{_shown(key)} is no key of this kind; allowed are {', '.join(model.model_fields)}"
    extra = field.json_schema_extra
    allowed = extra["allowed"] if isinstance(extra, dict) else ""
    held = "is missing" if detail["type"] == "missing" else f"is {_shown(detail['input'])}"
    return f"{key} {held}; allowed is {allowed}"


def _label(entry: object, number: int) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return _shown(name) if isinstance(name, str) else f"number {number}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
