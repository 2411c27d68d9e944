"""What one line of a tenant dump may look like: a msgspec struct per collection, spelled as the Immuta API spells it.

Change a struct when docs/tenant_dump.md gains a key, and carry the key into a collection in ``frames``. Keys that no
struct names are ignored. A key of the wrong type fails the decoding; what types cannot say (enumerations, "exactly one
of") is checked in ``__post_init__``. Rules between lines do not belong here: see ``dump``.

A field without a default is required; ``None`` stands for a key that is absent or null.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from immuta_assets.tenant.collections import AccessRequests, ApprovalRecords, DataSourceMembers
from immuta_assets.tenant.dump import bad_lines

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Id = Int64 | str
Timestamp = Annotated[datetime, Meta(tz=True)]

AS_TEXT = Meta(extra={"as_text": True})
"""Marks a key whose JSON is kept as text."""

STATES = DataSourceMembers.state.categories
SCOPES = DataSourceMembers.scope.categories
ACCESS_TYPES = ("GRANT", "GUARDRAIL")
REQUEST_STATUSES = AccessRequests.status.categories
APPROVAL_STATUSES = ApprovalRecords.status.categories


def _check_one_of(allowed: Iterable[str], key: str, value: str | None, found: str | None = None) -> None:
    if value is not None and value not in allowed:
        expected = f"is {bad_lines.format_value(found or value)}, but one of {', '.join(allowed)} is expected"
        raise ValueError(bad_lines.locate_problem(key, expected))


def _check_exactly_one(**values: object) -> None:
    given = [key for key, value in values.items() if value is not None]
    if len(given) != 1:
        message = f"names {' and '.join(given) or 'none'}, but exactly one of {', '.join(values)} is expected"
        raise ValueError(message)


class Record(Struct, rename="camel", gc=False):
    """An object of the API; keys in camel case."""


class Tenant(Record):
    """The tenant itself (``tenant.json``)."""

    tenant_id: str
    url: str
    dumped_at: Timestamp

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")
        try:
            self.dumped_at = self.dumped_at.astimezone(UTC)
        except OverflowError:
            raise ValueError(bad_lines.locate_problem("dumpedAt", "is outside the years 1 to 9999 in UTC")) from None


class Iam(Record):
    """An identity manager."""

    id: str
    displayname: str | None = None
    type: str | None = None


class ExternalUserIds(Record):
    """User names on the data platforms."""

    snowflake_user: str | None = None
    databricks_user: str | None = None
    trino_user: str | None = None


class UserProfile(Record):
    """The profile of a user."""

    id: Int64
    name: str | None = None
    email: str | None = None
    external_user_ids: ExternalUserIds | None = None


class User(Record):
    """A user."""

    iamid: str
    userid: str
    global_user_id: str
    profile: UserProfile
    permissions: list[str] | None = None
    authorizations: dict[str, list[str]] | None = None
    disabled: bool | None = None
    system_generated: bool | None = None
    last_login: Timestamp | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class Group(Record):
    """A group."""

    id: Int64
    iamid: str
    name: str
    gid: str | None = None
    email: str | None = None
    description: str | None = None
    authorizations: dict[str, list[str]] | None = None


class NumericReference(Record):
    """Whatever has a 64-bit integer as id."""

    id: Int64


class Reference(Record):
    """Whatever has a string or an integer as id."""

    id: Id


class OptionalReference(Record):
    """A reference that may be empty."""

    id: Id | None = None


class UserReference(Record):
    """A user by the id that the Request app uses."""

    global_user_id: str


class OptionalUserReference(Record):
    """A user reference that may be empty."""

    global_user_id: str | None = None


class DataSourceReference(Record):
    """A data source in a list."""

    data_source_id: Int64


class GroupMember(Record):
    """A membership in a group."""

    group: Int64
    profile: NumericReference


class Tag(Record):
    """A tag on a data source or a column."""

    name: str
    source: str | None = None
    context: str | None = None
    description: str | None = None
    added_on: Timestamp | None = None


class DataSource(Record):
    """A data source."""

    id: Int64
    name: str
    blob_handler_type: str
    created_at: Timestamp
    description: str | None = None
    deleted: bool | None = None
    status: str | None = None
    connection_string: str | None = None
    hostname: str | None = None
    database: str | None = None
    remote_schema: str | None = None
    remote_table: str | None = None
    data_source_type: str | None = None
    tags: list[Tag] | None = None
    global_policies: list[NumericReference] | None = None
    domain_id: Id | None = None
    created_by: Int64 | None = None


class Column(Record):
    """A column of a data source."""

    name: str
    data_type: str
    id: Id | None = None
    description: str | None = None
    remote_type: str | None = None
    tags: list[Tag] | None = None


class DataDictionary(Record):
    """The columns of one data source."""

    data_source: Int64
    metadata: list[Column] | None = None

    def __post_init__(self) -> None:
        names: set[str] = set()
        for position, column in enumerate(self.metadata or ()):
            if column.name in names:
                repeated = f"is {bad_lines.format_value(column.name)} like another column of this data source"
                raise ValueError(bad_lines.locate_problem(f"metadata[{position}].name", repeated))
            names.add(column.name)


class DataSourceMember(Record):
    """An entry of a data source's member list."""

    data_source: Int64
    state: str
    profile: Int64 | None = None
    group: Int64 | None = None
    policy: bool | None = None
    approved: bool | None = None
    access_grant: str | None = None
    expiration: Timestamp | None = None
    created_at: Timestamp | None = None

    def __post_init__(self) -> None:
        _check_exactly_one(profile=self.profile, group=self.group)
        _check_one_of(STATES, "state", self.state)
        _check_one_of(SCOPES, "accessGrant", self.access_grant)


class Action(Record, omit_defaults=True):
    """One action of a policy; what ``exceptions`` holds is judged with the policy's expression."""

    type: str | None = None
    subscription_type: str | None = None
    access_type: str | None = None
    share_responsibility: bool | None = None
    automatic_subscription: bool | None = None
    allow_discovery: bool | None = None
    access_grant: str | None = None
    description: str | None = None
    exceptions: dict[str, Any] | None = None
    advanced: str | None = None

    def __post_init__(self) -> None:
        _check_one_of(ACCESS_TYPES, "accessType", self.access_type)
        _check_one_of(SCOPES, "accessGrant", self.access_grant)


class RestrictedOwner(Record):
    """An owner to whose data sources a policy is limited."""

    iamid: str
    username: str


class OwnerRestrictions(Record, omit_defaults=True):
    """The owners to whose data sources a policy is limited."""

    users: list[RestrictedOwner] | None = None
    groups: list[str] | None = None


class Policy(Record):
    """A global policy; what an item of ``circumstances`` holds is judged with the policy's targets."""

    id: Int64
    name: str
    type: str
    actions: Annotated[list[Action], AS_TEXT]
    created_at: Timestamp
    policy_key: str | None = None
    circumstances: Annotated[list[dict[str, Any]] | UnsetType | None, AS_TEXT] = UNSET
    staged: bool | None = None
    deleted: bool | None = None
    system_generated: bool | None = None
    template: bool | None = None
    owner_restrictions: Annotated[OwnerRestrictions | None, AS_TEXT] = None
    created_by: Int64 | None = None
    created_by_name: str | None = None


class TagDefinition(Record):
    """A tag that exists, applied or not."""

    name: str
    id: Id | None = None
    description: str | None = None
    source: str | None = None
    deleted: bool | None = None


class DomainPermission(Record):
    """A permission that a user or a group holds in a domain."""

    permission: str
    profile_id: Int64 | None = None
    group_id: Int64 | None = None

    def __post_init__(self) -> None:
        _check_exactly_one(profileId=self.profile_id, groupId=self.group_id)


class Domain(Record):
    """A domain."""

    id: Id
    name: str
    description: str | None = None
    created_by: Int64 | None = None
    data_sources: list[DataSourceReference] | None = None
    permissions: list[DomainPermission] | None = None


class ProjectMember(Record):
    """A member of a project."""

    profile: Int64 | None = None
    group: Int64 | None = None
    state: str | None = None
    subscription_type: str | None = None
    created_at: Timestamp | None = None

    def __post_init__(self) -> None:
        _check_exactly_one(profile=self.profile, group=self.group)


class ProjectDataSource(Record):
    """A data source in a project."""

    data_source_id: Int64
    added_by: Int64 | None = None
    added_on: Timestamp | None = None
    comment: str | None = None


class ProjectPurpose(Record):
    """A purpose of a project."""

    id: Int64
    name: str | None = None


class Project(Record):
    """A project."""

    id: Int64
    name: str
    project_key: str | None = None
    status: str | None = None
    description: str | None = None
    deleted: bool | None = None
    created_by: Int64 | None = None
    created_at: Timestamp | None = None
    subscription_type: str | None = None
    purposes: list[ProjectPurpose] | None = None
    members: list[ProjectMember] | None = None
    data_sources: list[ProjectDataSource] | None = None


class Purpose(Record):
    """A purpose."""

    id: Int64
    name: str
    acknowledgement: str | None = None
    description: str | None = None
    added_by_profile: Int64 | None = None
    deleted: bool | None = None


class Form(Record):
    """The form of a request as filled in."""

    id: Id | None = None
    responses: Annotated[Any, AS_TEXT] = None


class AccessRequest(Record):
    """A request of the Request app."""

    id: Id
    requesting_user: UserReference
    user: UserReference
    status: str
    created_at: Timestamp
    form: Form | None = None
    expiration: Timestamp | None = None
    updated_at: Timestamp | None = None
    data_product: Reference | None = None
    data_source: NumericReference | None = None
    column: Reference | None = None

    def __post_init__(self) -> None:
        _check_exactly_one(dataProduct=self.data_product, dataSource=self.data_source, column=self.column)
        _check_one_of(REQUEST_STATUSES, "status", self.status.upper(), self.status)


class Approver(Record, omit_defaults=True):
    """Who may approve."""

    type: str | None = None
    id: Id | None = None
    display_name: str | None = None


class ApprovalRecord(Record):
    """An approval that a request needs."""

    id: Id
    data_access_request_id: Id
    status: str
    approvers: Annotated[list[Approver] | None, AS_TEXT] = None
    action_by: OptionalUserReference | None = None
    reviewer_source: str | None = None
    reason: str | None = None
    updated_at: Timestamp | None = None

    def __post_init__(self) -> None:
        _check_one_of(APPROVAL_STATUSES, "status", self.status.upper(), self.status)


class AccessAgreement(Record):
    """A data use agreement signed with a request."""

    id: Id
    data_access_request_id: Id
    name: str


class DataProduct(Record):
    """A data product of the Request app."""

    id: Id
    name: str
    domain: OptionalReference | None = None
    description: str | None = None
    created_by: OptionalUserReference | None = None
    smes: list[UserReference] | None = None
    suspended: bool | None = None
    assets: list[DataSourceReference] | None = None


RECORDS: dict[str, type[Record]] = {
    "tenant": Tenant,
    "iams": Iam,
    "users": User,
    "groups": Group,
    "group_members": GroupMember,
    "data_sources": DataSource,
    "columns": DataDictionary,
    "data_source_members": DataSourceMember,
    "policies": Policy,
    "tags": TagDefinition,
    "domains": Domain,
    "projects": Project,
    "purposes": Purpose,
    "access_requests": AccessRequest,
    "approval_records": ApprovalRecord,
    "access_agreements": AccessAgreement,
    "data_products": DataProduct,
}
"""The struct of a line, by collection."""
