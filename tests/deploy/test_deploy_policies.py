"""The policies in deploy/ grant what the object stores use and nothing else; for S3, the server enforces them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes import azurite
from fakes.azurite import Azurite
from fakes.s3_server import ACCOUNT, REGION, S3Server

from immuta_assets.object_store import AssumedRole, Store, StoreError, StoreOptions, adls, gcs, open_store, s3

DEPLOY = Path(__file__).parents[2] / "deploy"
AWS_POLICIES = ("bucket-policy", "role-policy", "trust-policy", "caller-policy", "kms-key-policy")


def document(name: str, values: Mapping[str, str] | None = None) -> Any:
    text = (DEPLOY / name).read_text("utf-8")
    for placeholder, value in (values or {}).items():
        text = text.replace(f"<{placeholder}>", value)
    return yaml.safe_load(text)


def actions(policy: Mapping[str, Any]) -> set[str]:
    found = [statement["Action"] for statement in policy["Statement"]]
    return {action for entry in found for action in ([entry] if isinstance(entry, str) else entry)}


def use(store: Store, folder: Path) -> None:
    """Do everything a publication may do."""
    (folder / "x").write_bytes(bytes(9 * 1024**2))
    store.put_file(folder / "x", "staged/x")
    store.move("staged/x", "x")
    store.get_file("x", folder / "y")
    etag = store.put_bytes("manifest", b"one", if_absent=True)
    store.put_bytes("manifest", b"two", if_match=etag)
    assert store.read("manifest") == b"two"
    assert store.head("nothing") is None
    store.delete("staged/x")
    assert [entry.key for entry in store.list()] == ["manifest", "x"]


def used(operations: Mapping[Any, tuple[str, ...]]) -> set[str]:
    return {action for needed in operations.values() for action in needed}


@pytest.mark.parametrize("name", AWS_POLICIES)
def test_no_policy_for_aws_has_a_wildcard_action(name: str) -> None:
    granted = actions(document(f"aws/{name}.json"))
    assert granted
    assert [action for action in granted if "*" in action] == []


def test_the_policies_for_aws_grant_exactly_what_is_used() -> None:
    kms = set(s3.KMS_ACTIONS)
    assert actions(document("aws/bucket-policy.json")) == used(s3.ACTIONS)
    assert actions(document("aws/role-policy.json")) == used(s3.ACTIONS) | kms
    assert actions(document("aws/kms-key-policy.json")) == kms
    assert actions(document("aws/trust-policy.json")) == actions(document("aws/caller-policy.json"))


def test_every_file_for_a_cloud_is_explained() -> None:
    for cloud in ("aws", "azure", "gcp"):
        text = (DEPLOY / cloud / "README.md").read_text("utf-8")
        files = {path.name for path in (DEPLOY / cloud).iterdir()} - {"README.md"}
        assert [name for name in files if f"`{name}`" not in text] == []


@pytest.fixture
def export_role(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, str], AssumedRole]:
    """Set AWS up as deploy/aws says: a caller that may assume a role that may publish."""
    caller, key = s3.user()
    values = {
        "bucket": s3.bucket(),
        "prefix": "access/summary",
        "account-id": ACCOUNT,
        "caller-account-id": ACCOUNT,
        "caller": caller,
        "region": REGION,
        "key-id": "1",
        "external-id": "agreed-upon",
    }
    role = s3.role(document("aws/trust-policy.json", values), document("aws/role-policy.json", values))
    values["role"] = role.rsplit("/", 1)[1]
    s3.allow(caller, document("aws/caller-policy.json", values))
    for name, value in key.items():
        monkeypatch.setenv(name, value)
    return values, AssumedRole(role, "agreed-upon")


def test_a_role_with_the_policies_for_aws_can_publish(
    s3: S3Server, export_role: tuple[dict[str, str], AssumedRole], tmp_path: Path
) -> None:
    values, role = export_role
    with s3.enforcing():
        use(open_store(f"s3://{values['bucket']}/access/summary", StoreOptions(role)), tmp_path)


def test_a_role_with_the_policies_for_aws_needs_the_external_id(
    s3: S3Server, export_role: tuple[dict[str, str], AssumedRole]
) -> None:
    values, role = export_role
    guessed = StoreOptions(replace(role, external_id="guessed"))
    store = open_store(f"s3://{values['bucket']}/access/summary", guessed)
    with s3.enforcing(), pytest.raises(StoreError, match=r"allow sts:AssumeRole on .* with the right external id"):
        store.list()


def test_a_role_with_the_policies_for_aws_cannot_leave_the_prefix(
    s3: S3Server, export_role: tuple[dict[str, str], AssumedRole]
) -> None:
    values, role = export_role
    with s3.enforcing(), pytest.raises(StoreError, match="permission is missing, allow s3:PutObject"):
        open_store(f"s3://{values['bucket']}/other", StoreOptions(role)).put_bytes("x", b"one")


@pytest.mark.parametrize("action", sorted(used(s3.ACTIONS) - {"s3:AbortMultipartUpload"}))
def test_publishing_fails_without_any_one_of_the_actions(
    action: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch, impatient: StoreOptions, tmp_path: Path
) -> None:
    bucket = s3.bucket()
    policy = document("aws/role-policy.json", {"bucket": bucket, "prefix": "a"})
    for statement in policy["Statement"]:
        statement["Action"] = [kept for kept in statement["Action"] if kept != action] or ["s3:GetBucketLocation"]
    _, key = s3.user(policy)
    for name, value in key.items():
        monkeypatch.setenv(name, value)
    with s3.enforcing(), pytest.raises(StoreError, match=f"allow .*{action}"):
        use(open_store(f"s3://{bucket}/a", impatient), tmp_path)


def test_the_statements_of_the_bucket_policy_suffice_to_publish(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bucket = s3.bucket()
    policy = document("aws/bucket-policy.json", {"bucket": bucket, "prefix": "a"})
    for statement in policy["Statement"]:
        del statement["Principal"]  # the server enforces policies of users only
    _, key = s3.user(policy)
    for name, value in key.items():
        monkeypatch.setenv(name, value)
    with s3.enforcing():
        use(open_store(f"s3://{bucket}/a"), tmp_path)


def test_the_lifecycle_rule_is_one_that_s3_takes(s3: S3Server) -> None:
    bucket, client = s3.bucket(), s3.client("s3")
    rule = document("aws/lifecycle.json", {"prefix": "a"})
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=rule)
    (kept,) = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert kept["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_the_role_for_azure_grants_exactly_what_is_used() -> None:
    role = document("azure/role-definition.json")
    assert set(role["DataActions"]) == used(adls.ACTIONS)
    assert role["Actions"] == []
    assert not any("*" in action for action in role["DataActions"])


def test_a_signature_for_azure_allows_exactly_what_is_used(
    adls: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    container = adls.container()
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    permissions = document("azure/sas.json")["signedPermissions"]
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", adls.sas(container, permissions))
    use(open_store(azurite.address(container, "a")), tmp_path)


def test_the_role_for_google_grants_exactly_what_is_used() -> None:
    granted = document("gcp/role.yaml")["includedPermissions"]
    assert set(granted) == used(gcs.PERMISSIONS)
    assert not any("*" in permission for permission in granted)
