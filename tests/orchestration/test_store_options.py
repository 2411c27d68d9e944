"""How the settings say what a store is opened with."""

from __future__ import annotations

import pytest

from immuta_assets.datasets.root import find_store_options
from immuta_assets.object_store import AssumedRole
from immuta_assets.settings import load

ROLE = "arn:aws:iam::123456789012:role/export"


@pytest.mark.parametrize(
    ("address", "credentials"),
    [
        ("s3://bucket/a", AssumedRole(ROLE, "agreed-upon")),
        ("s3://eu@bucket/a", None),
        ("gs://bucket/a", None),
        ("published", None),
    ],
)
def test_the_role_is_for_addresses_of_s3_without_a_profile(address: str, credentials: AssumedRole | None) -> None:
    settings = load(s3_role_arn=ROLE, s3_external_id="agreed-upon", s3_kms_key="alias/audit")
    options = find_store_options(settings, address)
    assert (options.credentials, options.s3_kms_key) == (credentials, "alias/audit")
    assert "agreed-upon" not in repr(options)
