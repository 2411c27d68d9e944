"""The keys of a connection to a DuckDB file with the history of any platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, InstanceOf, ValidationInfo

from immuta_assets.platforms.connection import (
    Connection,
    define_key,
    refuse_value,
    require_context,
)
from immuta_assets.platforms.platform import Platform
from immuta_assets.secrets import quote_value


def _find_platform(value: object, info: ValidationInfo) -> Platform:
    if isinstance(value, Platform):  # already found: the file cannot hold one
        return value
    known = {name.lower(): platform for name, platform in require_context(info).platforms.items()}
    if str(value) not in known:
        held = "is missing" if value is None else f"is {quote_value(value)}"
        msg = f"{held}; allowed is {' or '.join(known)}"
        raise refuse_value(msg)
    return known[str(value)]


def _resolve_path(value: object, info: ValidationInfo) -> Path:
    if isinstance(value, Path):  # already resolved: the file cannot hold one
        return value
    if not isinstance(value, str) or not value or "://" in value or value.startswith("~"):
        msg = "neither a URI nor ~ is a path"
        raise ValueError(msg)
    return require_context(info).folder / value


class EmbeddedConnection(Connection):
    """A DuckDB file with the history of a platform; ``path`` is meant from the folder of ``connections.yaml``."""

    kind: Literal["embedded"]
    platform: Annotated[InstanceOf[Platform], BeforeValidator(_find_platform)] = define_key(
        "the name of a platform", default=None, validate_default=True
    )
    path: Annotated[Path, BeforeValidator(_resolve_path)] = define_key("the path of a DuckDB file")
    account: str = define_key("text: the account whose history it is", default="embedded", min_length=1)
    host: str = define_key(
        "text: the host of the data sources, as the tenant names it", default="embedded", min_length=1
    )
