"""Amazon S3: how a bucket is reached, and what IAM calls the permissions.

Credentials, region and endpoint come from AWS' own variables and files, read by boto3: ``AWS_ACCESS_KEY_ID`` and
``AWS_SECRET_ACCESS_KEY``, ``AWS_PROFILE``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``, web identity, instance roles. An
address that names a profile takes credentials, a role and the region from that profile alone; credentials that belong
to an address replace those of the variables. Add here what is particular to S3; the policies that grant its actions lie
in deploy/aws.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Protocol

from obstore.store import S3Store

from immuta_assets.object_store.addresses import Address
from immuta_assets.object_store.cloud import Cloud, CloudStore, Operation, build_client_config, build_retry_config
from immuta_assets.object_store.credentials import AccessKey, AssumedRole, Profile, StoreOptions, refuse_variables
from immuta_assets.object_store.interface import StoreError

if TYPE_CHECKING:
    import boto3
    from obstore.store import S3Config, S3Credential

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

_KMS = "aws:kms"

_CREDENTIALS = "set or renew AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"

# What obstore takes, too, where nothing names a region.
_DEFAULT_REGION = "us-east-1"

# boto3 renews temporary credentials when less than 15 minutes of them are left.
_KEEP_CREDENTIALS = timedelta(minutes=5)


def connect(address: Address, options: StoreOptions) -> CloudStore:
    """Return the store below ``prefix``; raise ``StoreError`` where there are no credentials."""
    endpoint = _find_endpoint()
    config: S3Config = {"disable_bulk_delete": True}
    if endpoint:
        config["endpoint"] = endpoint
    if options.s3_kms_key:
        config |= {"server_side_encryption": _KMS, "sse_kms_key_id": options.s3_kms_key}
    backend = S3Store(
        address.container,
        prefix=address.prefix or None,
        config=config,
        client_options=build_client_config(endpoint),
        retry_config=build_retry_config(options.patience),
        credential_provider=_find_credentials(address, options),
    )
    return CloudStore(address.public_uri, _describe_cloud(address, options), backend)


def build_storage_options(address: Address, options: StoreOptions) -> dict[str, str]:
    """Return the options of ``object_store.build_storage_options``; keys of a role or a profile are asked for now."""
    provider, endpoint = _find_credentials(address, options), _find_endpoint()
    key = _fetch_key(provider, address, options)
    if not key["token"]:
        refuse_variables(address, ["AWS_SESSION_TOKEN"])
    given = {
        "aws_access_key_id": key["access_key_id"],
        "aws_secret_access_key": key["secret_access_key"],
        "aws_session_token": key["token"],
        "aws_region": provider.config.get("region", _DEFAULT_REGION),
        "aws_endpoint_url": endpoint,
        "aws_allow_http": str(build_client_config(endpoint)["allow_http"]).lower(),
        "aws_server_side_encryption": _KMS if options.s3_kms_key else None,
        "aws_sse_kms_key_id": options.s3_kms_key,
    }
    return {name: value for name, value in given.items() if value}


def _find_endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def _fetch_key(provider: _Provider, address: Address, options: StoreOptions) -> S3Credential:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        return provider()
    except (BotoCoreError, ClientError):
        role = _describe_cloud(address, options).role
        problem = f"Cannot open {address.public_uri}: no keys are given for it, allow {role}."
    # Outside the handler, so that AWS' own text goes no further.
    raise StoreError(problem)


def _find_credentials(address: Address, options: StoreOptions) -> _Provider:
    credentials = Profile(address.account) if address.account else options.credentials
    match credentials:
        case AccessKey():
            return _FixedKey(credentials, _open_session(None).region_name or _DEFAULT_REGION)
        case AssumedRole():
            return _Role(_open_session(None), credentials)
        case Profile(name):
            return _find_own_credentials(address, name)
        case _:
            return _find_own_credentials(address, None)


def _find_own_credentials(address: Address, profile: str | None) -> _Provider:
    """Return the credentials of a profile, or without one of AWS' variables, files or machine."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415

    try:
        return Boto3CredentialProvider(_open_session(profile), ttl=_KEEP_CREDENTIALS)
    except (BotoCoreError, ValueError):
        remedy = f"for the profile {profile}, see AWS' own files" if profile else _CREDENTIALS
        msg = f"Cannot open {address.public_uri}: there are no AWS credentials, {remedy}."
        raise StoreError(msg) from None


def _open_session(profile: str | None) -> boto3.Session:
    import boto3

    region = None if profile else os.environ.get("AWS_REGION")
    return boto3.Session(profile_name=profile, region_name=region or None)


class _Provider(Protocol):
    """What obstore asks for credentials, and for the region."""

    config: S3Config

    def __call__(self) -> S3Credential: ...


class _FixedKey:
    """Credentials that do not change."""

    def __init__(self, key: AccessKey, region: str) -> None:
        self.config: S3Config = {"region": region}
        self._key = key

    def __call__(self) -> S3Credential:
        key = self._key
        return {
            "access_key_id": key.id,
            "secret_access_key": key.secret,
            "token": key.session_token,
            "expires_at": None,
        }


class _Role:
    """Credentials of an assumed role; obstore asks for new ones when they expire."""

    def __init__(self, session: boto3.Session, role: AssumedRole) -> None:
        region = session.region_name or _DEFAULT_REGION
        self.config: S3Config = {"region": region}
        self._client = session.client("sts", region_name=region)
        self._role = {"RoleArn": role.arn, "RoleSessionName": SESSION}
        if role.external_id:
            self._role["ExternalId"] = role.external_id

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
    chosen = options.credentials
    assumed = chosen.arn if isinstance(chosen, AssumedRole) else f"the role of the profile {profile or 'in use'}"
    role = f"sts:AssumeRole on {assumed} to the caller, and in its trust policy with the right external id"
    return Cloud(f"the bucket {address.container}", granted, _CREDENTIALS, role, largest_copy=LARGEST_COPY)
