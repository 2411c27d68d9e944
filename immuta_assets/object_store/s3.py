"""Amazon S3: how a bucket is reached, and what IAM calls the permissions.

Credentials, region and endpoint come from AWS' own variables and files, read by boto3: ``AWS_ACCESS_KEY_ID`` and
``AWS_SECRET_ACCESS_KEY``, ``AWS_PROFILE``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``, web identity, instance roles. An
address that names a profile takes credentials, a role and the region from that profile alone. Add here what is
particular to S3; the policies that grant its actions lie in deploy/aws.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from obstore.store import S3Store

from immuta_assets.object_store.addresses import Address
from immuta_assets.object_store.cloud import Cloud, CloudStore, Operation, build_client_config, build_retry_config
from immuta_assets.object_store.interface import StoreError, StoreOptions

if TYPE_CHECKING:
    import boto3
    from obstore.store import S3Config, S3Credential, S3CredentialProvider

ACTIONS: Mapping[Operation, tuple[str, ...]] = {
    "write": ("s3:PutObject", "s3:AbortMultipartUpload"),
    "read": ("s3:GetObject",),
    "list": ("s3:ListBucket",),
    "copy": ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
    "delete": ("s3:DeleteObject",),
}
"""The IAM actions of each operation; without s3:ListBucket, S3 also refuses to say that an object is missing."""

KMS_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
"""What writing and reading need besides where a KMS key encrypts the objects."""

SESSION = "immuta-assets"
"""What CloudTrail shows as the session of an assumed role."""

LARGEST_COPY = 5 * 1024**3
"""The most bytes that S3 copies in one request."""

_CREDENTIALS = "set or renew AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"

# What obstore takes, too, where nothing names a region.
_DEFAULT_REGION = "us-east-1"

# boto3 renews temporary credentials when less than 15 minutes of them are left.
_KEEP_CREDENTIALS = timedelta(minutes=5)


def connect(address: Address, options: StoreOptions) -> CloudStore:
    """Return the store below ``prefix``; raise ``StoreError`` where there are no credentials."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config: S3Config = {"disable_bulk_delete": True}
    if endpoint:
        config["endpoint"] = endpoint
    if options.s3_kms_key:
        config |= {"server_side_encryption": "aws:kms", "sse_kms_key_id": options.s3_kms_key}
    backend = S3Store(
        address.container,
        prefix=address.prefix or None,
        config=config,
        client_options=build_client_config(endpoint),
        retry_config=build_retry_config(options.patience),
        credential_provider=_find_credentials(address, options),
    )
    return CloudStore(address.public_uri, _describe_cloud(address, options), backend)


def _find_credentials(address: Address, options: StoreOptions) -> S3CredentialProvider:
    import boto3
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415

    profile = address.account
    try:
        region = None if profile else os.environ.get("AWS_REGION")
        session = boto3.Session(profile_name=profile, region_name=region or None)
        own = Boto3CredentialProvider(session, ttl=_KEEP_CREDENTIALS)
    except (BotoCoreError, ValueError):
        remedy = f"for the profile {profile}, see AWS' own files" if profile else _CREDENTIALS
        msg = f"Cannot open {address.public_uri}: there are no AWS credentials, {remedy}."
        raise StoreError(msg) from None
    if options.s3_role_arn and not profile:
        return _Role(session, options.s3_role_arn, options.s3_external_id)
    return own


class _Role:
    """Credentials of an assumed role; obstore asks for new ones when they expire."""

    def __init__(self, session: boto3.Session, arn: str, external_id: str | None) -> None:
        region = session.region_name or _DEFAULT_REGION
        self.config: S3Config = {"region": region}
        self._client = session.client("sts", region_name=region)
        self._role = {"RoleArn": arn, "RoleSessionName": SESSION}
        if external_id:
            self._role["ExternalId"] = external_id

    def __call__(self) -> S3Credential:
        given = self._client.assume_role(**self._role)["Credentials"]
        return {
            "access_key_id": given["AccessKeyId"],
            "secret_access_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expires_at": given["Expiration"].astimezone(UTC),
        }


def _describe_cloud(address: Address, options: StoreOptions) -> Cloud:
    bucket_arn, profile = f"arn:aws:s3:::{address.container}", address.account
    objects = "/".join(part for part in (bucket_arn, address.prefix, "*") if part)
    key = f", and {' and '.join(KMS_ACTIONS)} on {options.s3_kms_key}" if options.s3_kms_key else ""
    granted = {name: f"{' and '.join(actions)} on {objects}{key}" for name, actions in ACTIONS.items()}
    granted["read"] += f", and {ACTIONS['list'][0]} on {bucket_arn}"
    granted["list"] = f"{ACTIONS['list'][0]} on {bucket_arn}"
    assumed = f"the role of the profile {profile}" if profile else options.s3_role_arn
    role = f"sts:AssumeRole on {assumed} to the caller, and in its trust policy with the right external id"
    return Cloud(f"the bucket {address.container}", granted, _CREDENTIALS, role, largest_copy=LARGEST_COPY)
