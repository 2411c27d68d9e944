"""Where audit events come from.

Each kind of connection says it of its connections. What events say belongs to ``audit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from immuta_assets.platforms.platform import Platform


class Origin(NamedTuple):
    """Where events come from: the tenant, and the platform's account and host.

    Where workspaces of an account have hosts of their own, one without an entry in ``workspace_hosts`` has ``host``.
    """

    tenant_id: str
    platform: Platform
    account: str
    host: str
    workspace_hosts: Mapping[str, str] = MappingProxyType({})

    @property
    def hosts(self) -> set[str]:
        """All hosts that events may come from."""
        return {self.host, *self.workspace_hosts.values()}

    @property
    def path(self) -> tuple[str, str, str]:
        """What the ids of events begin with."""
        return (self.tenant_id, self.platform.name, self.account)
