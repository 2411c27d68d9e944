"""The keys of a connection to a Snowflake account."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from immuta_assets.platforms.connection import (
    Secret,
    WarehouseConnection,
    define_key,
    define_secret_key,
    refuse_value,
    require_one_credential,
)
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE


class SnowflakeConnection(WarehouseConnection):
    """An account of Snowflake, entered with a key pair, an OAuth token or a password: exactly one of them is set."""

    platform: ClassVar[Platform] = SNOWFLAKE

    kind: Literal["snowflake"]
    account: str = define_key("an account identifier such as acme-prod", pattern=r"^[A-Za-z0-9_.-]+$")
    user: str = define_key("text: the name of the user who reads the history", min_length=1)
    private_key: Secret = define_secret_key()
    private_key_passphrase: Secret = define_secret_key()
    token: Secret = define_secret_key()
    password: Secret = define_secret_key()
    role: str = define_key("text: the name of a role", min_length=1)
    warehouse: str = define_key("text: the name of a warehouse", min_length=1)

    @model_validator(mode="after")
    def _require_one_credential(self) -> SnowflakeConnection:
        given = [name for name in ("private_key", "token", "password") if getattr(self, name)]
        require_one_credential(given, "private_key (key pair), token (OAuth) or password")
        if self.private_key_passphrase and not self.private_key:
            msg = "private_key_passphrase is there without private_key"
            raise refuse_value(msg)
        return self
