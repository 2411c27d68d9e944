"""The engine against the second reading of docs/policy_semantics.md, on random tenants with every feature."""

from __future__ import annotations

from agreement import agreed, read_back
from hypothesis import given
from strategies import RawTenant, matching_flavours, mixed_flavours, targeting_flavours, tenants


@given(tenants(mixed_flavours()))
def test_the_engine_and_the_brute_force_agree(tenant: RawTenant) -> None:
    agreed(tenant)


@given(tenants(matching_flavours()))
def test_they_agree_on_who_meets_an_expression(tenant: RawTenant) -> None:
    agreed(tenant)


@given(tenants(targeting_flavours()))
def test_they_agree_on_what_policies_apply_to_in_whatever_order_a_dump_has_its_lines(tenant: RawTenant) -> None:
    agreed(tenant, {name: frame.reverse() for name, frame in read_back(tenant).items()})
