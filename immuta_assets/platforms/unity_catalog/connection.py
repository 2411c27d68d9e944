"""The keys of a connection to a SQL warehouse of Databricks."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from immuta_assets.platforms.connection import (
    Secret,
    WarehouseConnection,
    define_key,
    define_secret_key,
    refuse_value,
    require_one_credential,
)
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.unity_catalog.platform import DATABRICKS

_HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
_WorkspaceId = Annotated[str, Field(pattern="^[0-9]+$")]


class UnityCatalogConnection(WarehouseConnection):
    """A SQL warehouse of Databricks, entered with a token or as a service principal (OAuth): exactly one is set.

    ``workspaces`` holds the ids of the workspaces that are read; empty means all that the warehouse sees. A workspace
    without a host in ``workspace_hosts`` has that of the connection.
    """

    platform: ClassVar[Platform] = DATABRICKS

    kind: Literal["unity_catalog"]
    host: _HostName = define_key("a host name without https://, such as dbc-1234.cloud.databricks.com")
    http_path: str = define_key("a path such as /sql/1.0/warehouses/abc", pattern=r"^/\S+$")
    token: Secret = define_secret_key()
    client_id: str | None = define_key("text: the application id of a service principal", default=None, min_length=1)
    client_secret: Secret = define_secret_key()
    workspaces: tuple[_WorkspaceId, ...] = define_key(
        'a list of ids in quotes such as ["3841033049363283"]; without the key all workspaces are read',
        default=(),
        min_length=1,
    )
    workspace_hosts: dict[_WorkspaceId, _HostName] = define_key(
        'a mapping of ids in quotes to host names such as {"3841033049363283": dbc-1234.cloud.databricks.com}',
        default_factory=dict,
    )

    @model_validator(mode="after")
    def _require_one_credential(self) -> UnityCatalogConnection:
        if (self.client_id is None) != (self.client_secret is None):
            msg = "client_id and client_secret go together; one of them is missing"
            raise refuse_value(msg)
        given = [name for name in ("token", "client_id") if getattr(self, name)]
        require_one_credential(given, "token, or client_id and client_secret (OAuth)")
        return self
