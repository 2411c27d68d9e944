"""What connections of every kind have in common: keys, secrets, and what is said of a wrong value.

The file of connections holds no secrets: each is a reference (``immuta_assets.secrets``), resolved while the file is
read. Add a key here when an operator must choose it for connections of every kind; the keys of one kind
belong to its package, reading the file to ``connections``, and what holds for all connections at once to ``settings``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from immuta_assets.durations import parse_duration
from immuta_assets.platforms.platform import Platform
from immuta_assets.secrets import REFERENCE, SecretError, is_reference, quote_value, resolve_secret

REREAD_PLAN = (timedelta(minutes=5), *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 24, 72)))
"""When an hour is read, counted from its end, unless a connection says otherwise."""

NAME = "[a-z][a-z0-9_]*"
"""Pattern of a connection's name: it is part of asset keys."""

COMPLETE = "complete"
"""Type of the validation errors whose message needs nothing but the key before it."""

_SECRET_OPTION = re.compile(
    r"passw|passphrase|passcode|token|secret|credential|private_key|_pwd|api_?key", re.IGNORECASE
)


class FileContext(NamedTuple):
    """What the values of a file of connections are read with."""

    environment: Mapping[str, str]
    folder: Path
    platforms: Mapping[str, Platform]


def require_context(info: ValidationInfo) -> FileContext:
    """Return what values are read with; raises ``TypeError`` for a connection that is made in another way."""
    if not isinstance(info.context, FileContext):
        msg = "Connections are made by connections.load, which knows the environment."
        raise TypeError(msg)
    return info.context


def refuse_value(message: str) -> PydanticCustomError:
    """Return the error whose message follows the key: what is there, and what is allowed."""
    return PydanticCustomError(COMPLETE, "{message}", {"message": message})


def _resolve_secret(value: object, info: ValidationInfo) -> SecretStr:
    if isinstance(value, SecretStr):  # already resolved: the file cannot hold one
        return value
    context = require_context(info)
    try:
        return resolve_secret(value, context.environment, context.folder)
    except SecretError as error:
        raise refuse_value(str(error)) from None


def _parse_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):  # already read: the file cannot hold one
        return value
    return parse_duration(str(value))


def _require_ascending(plan: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if list(plan) != sorted(set(plan)):
        msg = "not ascending"
        raise ValueError(msg)
    return plan


_Duration = Annotated[timedelta, BeforeValidator(_parse_duration), Field(gt=timedelta(0))]


def _resolve_options(value: object, info: ValidationInfo) -> dict[str, object]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        msg = "is no mapping; allowed are keyword arguments of the platform's driver"
        raise refuse_value(msg)
    return {name: _resolve_option(name, option, info) for name, option in value.items()}


def _resolve_option(name: str, value: object, info: ValidationInfo) -> object:
    is_secret = isinstance(value, SecretStr) or is_reference(value)
    if not is_secret and (isinstance(value, bool) or not _SECRET_OPTION.search(name)):
        return value
    try:
        return _resolve_secret(value, info)
    except PydanticCustomError as error:
        msg = f"holds {quote_value(name)}, which {error.message()}"
        raise refuse_value(msg) from None


def define_key(allowed: str, **options: Any) -> Any:  # noqa: ANN401  # as pydantic.Field
    """Define a key of a connection by what is allowed in it, in words; the rest is as in ``pydantic.Field``."""
    return Field(json_schema_extra={"allowed": allowed}, **options)


Secret = Annotated[SecretStr | None, BeforeValidator(_resolve_secret)]


def define_secret_key() -> Any:  # noqa: ANN401  # as pydantic.Field
    """Define a key whose value is a reference to a secret; without it the secret is null."""
    return define_key(REFERENCE, default=None)


def require_one_credential(given: list[str], allowed: str) -> None:
    """Refuse a connection unless exactly one credential is given."""
    if len(given) != 1:
        msg = f"{' and '.join(given) or 'no credential'} is there; allowed is exactly one of {allowed}"
        raise refuse_value(msg)


class Connection(BaseModel):
    """A way to a platform's query history, as an operator names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    if TYPE_CHECKING:

        @property
        def platform(self) -> Platform:
            """The platform that is read: a constant of most kinds, a key of the others."""

    name: str = define_key("text such as sales_eu: a to z, 0 to 9 and _, beginning with a letter", pattern=f"^{NAME}$")
    reread: Annotated[tuple[_Duration, ...], AfterValidator(_require_ascending)] = define_key(
        "an ascending list of durations after the end of an hour, such as [5m, 1h30m, 2d]",
        default=REREAD_PLAN,
        min_length=1,
    )
    hold: bool = define_key(
        "true (an event waits up to three hours for the objects of its statement) or false", default=True, strict=True
    )
    users: Literal["all", "registered"] = define_key(
        "all (everybody's statements) or registered (those of the tenant's users)", default="all"
    )
    kind: str


class WarehouseConnection(Connection):
    """What the connections over a network have in common."""

    objects: Literal["direct", "base"] = define_key(
        "direct (the objects a statement names) or base (the tables below its views)", default="direct"
    )
    connect_options: Annotated[dict[str, object], BeforeValidator(_resolve_options)] = define_key(
        "keyword arguments of the platform's driver", default_factory=dict, repr=False
    )

    @model_validator(mode="after")
    def _refuse_keys_as_options(self) -> WarehouseConnection:
        twice = sorted(self.connect_options.keys() & type(self).model_fields.keys())
        if twice:
            msg = f"connect_options holds {', '.join(twice)}; such a key belongs to the connection itself"
            raise refuse_value(msg)
        return self

    def driver_options(self) -> dict[str, object]:
        """``connect_options`` as the driver takes them, secrets in clear: never log or print them."""
        return {
            name: option.get_secret_value() if isinstance(option, SecretStr) else option
            for name, option in self.connect_options.items()
        }
