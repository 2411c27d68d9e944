"""The collections of a tenant, one schema per collection: the frames that everything else is computed from.

One collection is one file of a tenant dump (docs/tenant_dump.md) and one asset ``tenant/<collection>``. Nested JSON
stays nested (lists of structs), so a collection is always a single frame. Add a column here when a computation needs
another key of the dump, and read it in ``dump``. Rules about single frames (types, nulls, keys) belong here; rules
between collections do not: dangling references are legal and only counted (``references``).

All timestamps are UTC with microseconds. Ids of users, profiles, groups, data sources, policies, projects and purposes
are Int64; every other id is a string. JSON that keeps its own shape (policy rules, form responses, approvers) is held
as JSON text.
"""

from __future__ import annotations

import dataframely as dy

TAG = dy.Struct(
    {
        "name": dy.String(),
        "source": dy.String(nullable=True),
        "context": dy.String(nullable=True),
        "description": dy.String(nullable=True),
        "added_on": dy.Datetime(time_zone="UTC", nullable=True),
    }
)
ATTRIBUTE = dy.Struct({"name": dy.String(), "values": dy.List(dy.String())})


def _timestamp(*, nullable: bool = False, description: str = "") -> dy.Datetime:
    return dy.Datetime(time_zone="UTC", nullable=nullable, description=description)


class TenantRow(dy.Schema):
    """The tenant itself; exactly one row."""

    tenant_id = dy.String(primary_key=True, description="Id of the tenant.")
    url = dy.String(description="Address of the tenant's user interface, without a trailing slash.")
    dumped_at = _timestamp(description="Moment (UTC) that the dump describes; it becomes export_date.")


class Iams(dy.Schema):
    """Identity managers."""

    iam_id = dy.String(primary_key=True, description="Id of the identity manager, such as bim for the built-in one.")
    display_name = dy.String(
        nullable=True, description="Name shown to people. Null where the dump gives none; iam_id then stands for it."
    )
    type = dy.String(
        nullable=True, description="Kind of identity manager, in the tenant's words. Null where the dump gives none."
    )


class Users(dy.Schema):
    """Users, one row per profile."""

    profile_id = dy.Int64(
        primary_key=True, description="Numeric id by which the rest of the tenant refers to the user."
    )
    global_user_id = dy.String(unique=True, description="UUID by which the export and other systems refer to the user.")
    iam_id = dy.String(description="Id of the identity manager the user comes from; may be unknown.")
    user_id = dy.String(description="Id of the user within the identity manager, often a user name or e-mail address.")
    name = dy.String(nullable=True, description="Display name. Null where the profile has none.")
    email = dy.String(nullable=True, description="Primary e-mail address. Null where the profile has none.")
    snowflake_user = dy.String(
        nullable=True, description="Snowflake user name mapped to the user. Null where none is mapped."
    )
    databricks_user = dy.String(
        nullable=True, description="Databricks user name mapped to the user. Null where none is mapped."
    )
    trino_user = dy.String(nullable=True, description="Trino user name mapped to the user. Null where none is mapped.")
    permissions = dy.List(
        dy.String(),
        description="Global permissions such as GOVERNANCE, in the order given; empty where there are none.",
    )
    attributes = dy.List(ATTRIBUTE, description="Attributes assigned directly: names, each with its different values.")
    disabled = dy.Bool(description="Whether the user is disabled. A disabled user has no outcomes.")
    system_generated = dy.Bool(description="Whether this is a system account. A system account has no outcomes.")
    last_login = _timestamp(
        nullable=True, description="Last login (UTC). Null where the user never logged in, or the dump does not say."
    )
    created_at = _timestamp(nullable=True, description="Creation of the user (UTC). Null where the dump does not say.")
    updated_at = _timestamp(
        nullable=True, description="Last change of the user (UTC). Null where the dump does not say."
    )


class Groups(dy.Schema):
    """Groups of users."""

    group_id = dy.Int64(primary_key=True, description="Numeric id of the group.")
    iam_id = dy.String(description="Id of the identity manager the group comes from; may be unknown.")
    name = dy.String(description="Name of the group; the same name may exist in several identity managers.")
    gid = dy.String(
        nullable=True, description="Id of the group within the identity manager. Null where the dump gives none."
    )
    email = dy.String(nullable=True, description="E-mail address of the group. Null where it has none.")
    description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    attributes = dy.List(
        ATTRIBUTE, description="Attributes that every member inherits: names, each with its different values."
    )


class GroupMembers(dy.Schema):
    """Memberships, each once."""

    group_id = dy.Int64(primary_key=True, description="Numeric id of the group; may be unknown.")
    profile_id = dy.Int64(primary_key=True, description="Profile id of the member; may be unknown.")


class DataSources(dy.Schema):
    """Data sources, enabled and disabled."""

    data_source_id = dy.Int64(primary_key=True, description="Numeric id of the data source.")
    name = dy.String(description="Name of the data source in the tenant.")
    description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    deleted = dy.Bool(description="Whether the data source is disabled. A disabled data source has no outcomes.")
    technology = dy.String(
        description="Platform behind the data source, such as Snowflake (the API's blobHandlerType)."
    )
    created_at = _timestamp(description="Registration in the tenant (UTC).")
    health = dy.String(
        nullable=True,
        description="Health status in the tenant's words (the API's status). Null where the dump gives none.",
    )
    connection_string = dy.String(
        nullable=True,
        description="Connection through which the tenant reaches the platform. Null where the dump gives none.",
    )
    hostname = dy.String(
        nullable=True, description="Host of the platform; the variable @hostname. Null where the dump gives none."
    )
    database = dy.String(
        nullable=True,
        description="Database (catalog) on the platform; the variable @database. Null where there is none.",
    )
    schema = dy.String(
        nullable=True,
        description="Schema on the platform (the API's remoteSchema); the variable @schema. Null where there is none.",
    )
    table = dy.String(
        nullable=True,
        description="Table on the platform (the API's remoteTable); the variable @table. Null where there is none.",
    )
    type = dy.String(
        nullable=True,
        description="Native object type, such as TABLE or VIEW. Null where the dump gives none; the export then "
        "says TABLE.",
    )
    tags = dy.List(TAG, description="Tags on the data source itself, each name once.")
    policy_ids = dy.List(
        dy.Int64(),
        description="Numeric ids of the global policies that data owners applied by hand (the API's globalPolicies).",
    )
    domain_id = dy.String(
        nullable=True,
        description="Id of the domain that the data source names. Null where it names none, though a domain may "
        "list it.",
    )
    created_by = dy.Int64(nullable=True, description="Profile id of the creator. Null where the dump does not say.")


class Columns(dy.Schema):
    """Columns of data sources."""

    data_source_id = dy.Int64(
        primary_key=True, description="Numeric id of the data source the column belongs to; may be unknown."
    )
    name = dy.String(primary_key=True, description="Name of the column.")
    column_id = dy.String(
        description="Id of the column: the dump's, else a UUID (version 5) of tenant address, data source and "
        "column name."
    )
    description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    data_type = dy.String(description="Data type in the tenant's words.")
    remote_type = dy.String(
        nullable=True,
        description="Data type on the platform. Null where the dump gives none; data_type then stands for it.",
    )
    tags = dy.List(TAG, description="Tags on the column, each name once.")


class DataSourceMembers(dy.Schema):
    """Entries of the data sources' member lists, each once."""

    data_source_id = dy.Int64(description="Numeric id of the data source; may be unknown.")
    profile_id = dy.Int64(
        nullable=True, description="Profile id of the member; may be unknown. Null where the member is a group."
    )
    group_id = dy.Int64(
        nullable=True, description="Numeric id of the member group; may be unknown. Null where the member is a user."
    )
    state = dy.Enum(
        ["owner", "expert", "subscribed", "ingest", "pending"],
        description="Kind of membership: owner (owns the data source), expert or subscribed (has access), ingest "
        "(no access of its own), pending (asked for access, has none yet).",
    )
    by_policy = dy.Bool(description="Whether a policy made the entry. False means by hand.")
    approved = dy.Bool(description="Whether the entry is approved. An entry that is not approved gives no access.")
    scope = dy.Enum(
        ["READ", "WRITE"], description="Access that the entry is about (the API's accessGrant): READ or WRITE."
    )
    expires_at = _timestamp(
        nullable=True, description="Moment (UTC) from which the entry no longer counts. Null where it never expires."
    )
    created_at = _timestamp(nullable=True, description="Creation of the entry (UTC). Null where the dump does not say.")


class Policies(dy.Schema):
    """Global policies of every type, staged and deleted ones included."""

    policy_id = dy.Int64(primary_key=True, description="Numeric id of the policy.")
    name = dy.String(description="Display name of the policy.")
    type = dy.String(
        description="Type of the policy, such as subscription or data. Only subscription policies decide outcomes."
    )
    policy_key = dy.String(
        nullable=True, description="Key of the policy when policies are kept as code. Null where the dump gives none."
    )
    actions = dy.String(description="Rules of the policy, as the text of a JSON array.")
    circumstances = dy.String(
        nullable=True,
        description="Conditions on data sources, as JSON text. Null where the key is absent (every data source); "
        "the text null where data owners apply the policy by hand.",
    )
    owner_restrictions = dy.String(
        nullable=True,
        description="Owners whose data sources the policy is limited to, as the text of a JSON object. Null where "
        "it is not limited.",
    )
    staged = dy.Bool(description="Whether the policy is only staged. A staged policy has no effect.")
    deleted = dy.Bool(description="Whether the policy is deleted. A deleted policy has no effect.")
    system_generated = dy.Bool(description="Whether the product itself made the policy.")
    template = dy.Bool(nullable=True, description="Whether the policy is a template. Null where the dump does not say.")
    created_by = dy.Int64(nullable=True, description="Profile id of the creator. Null where the dump does not say.")
    created_by_name = dy.String(nullable=True, description="Name of the creator. Null where the dump does not say.")
    created_at = _timestamp(description="Creation of the policy (UTC).")


class Tags(dy.Schema):
    """Tags that exist, applied or not."""

    name = dy.String(primary_key=True, description="Full dotted name of the tag, such as Discovered.PII.Email.")
    tag_id = dy.String(nullable=True, description="Id of the tag. Null where the dump gives none.")
    description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    source = dy.String(nullable=True, description="Catalog the tag comes from. Null where the dump gives none.")
    deleted = dy.Bool(description="Whether the tag is deleted.")


class Domains(dy.Schema):
    """Domains with their data sources and permissions."""

    domain_id = dy.String(primary_key=True, description="Id of the domain.")
    name = dy.String(description="Display name of the domain.")
    description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    created_by = dy.Int64(nullable=True, description="Profile id of the creator. Null where the dump does not say.")
    data_source_ids = dy.List(
        dy.Int64(), description="Numeric ids of the data sources that the domain lists; may be unknown."
    )
    permissions = dy.List(
        dy.Struct(
            {
                "profile_id": dy.Int64(nullable=True),
                "group_id": dy.Int64(nullable=True),
                "permission": dy.String(),
            }
        ),
        description="Who holds which permission in the domain. Of profile_id and group_id, exactly one is not null.",
    )


class Projects(dy.Schema):
    """Projects with purposes, members and data sources."""

    project_id = dy.Int64(primary_key=True, description="Numeric id of the project.")
    name = dy.String(description="Display name of the project.")
    project_key = dy.String(
        nullable=True, description="Key of the project when projects are kept as code. Null where the dump gives none."
    )
    status = dy.String(nullable=True, description="Status in the tenant's words. Null where the dump gives none.")
    description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    deleted = dy.Bool(description="Whether the project is disabled.")
    created_by = dy.Int64(nullable=True, description="Profile id of the creator. Null where the dump does not say.")
    created_at = _timestamp(
        nullable=True, description="Creation of the project (UTC). Null where the dump does not say."
    )
    subscription_type = dy.String(
        nullable=True, description="How users join the project, in the tenant's words. Null where the dump gives none."
    )
    purpose_ids = dy.List(dy.Int64(), description="Numeric ids of the project's purposes, each once.")
    members = dy.List(
        dy.Struct(
            {
                "profile_id": dy.Int64(nullable=True),
                "group_id": dy.Int64(nullable=True),
                "state": dy.String(nullable=True),
                "subscription_type": dy.String(nullable=True),
                "created_at": _timestamp(nullable=True),
            }
        ),
        description="Members of the project. Of profile_id and group_id, exactly one is not null.",
    )
    data_sources = dy.List(
        dy.Struct(
            {
                "data_source_id": dy.Int64(),
                "added_by": dy.Int64(nullable=True),
                "added_on": _timestamp(nullable=True),
                "comment": dy.String(nullable=True),
            }
        ),
        description="Data sources of the project, with who added each (profile id) and when (UTC), null where unknown.",
    )


class Purposes(dy.Schema):
    """Purposes for which data may be used."""

    purpose_id = dy.Int64(primary_key=True, description="Numeric id of the purpose.")
    name = dy.String(description="Display name of the purpose.")
    acknowledgement = dy.String(nullable=True, description="Text that a user acknowledges. Null where there is none.")
    description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    added_by = dy.Int64(nullable=True, description="Profile id of the creator. Null where the dump does not say.")
    deleted = dy.Bool(description="Whether the purpose is deleted.")


class AccessRequests(dy.Schema):
    """Requests of the Request app."""

    request_id = dy.String(primary_key=True, description="Id of the request.")
    requestor_global_user_id = dy.String(description="UUID of the user who made the request.")
    global_user_id = dy.String(description="UUID of the user who will gain the access.")
    target_id = dy.String(
        description="Id, as text, of the requested data product, data source or column, as target_type says."
    )
    target_type = dy.Enum(
        ["DATA_SOURCE", "COLUMN", "DATA_PRODUCT"],
        description="What target_id identifies: DATA_SOURCE, COLUMN or DATA_PRODUCT.",
    )
    status = dy.Enum(
        ["PENDING", "APPROVED", "DENIED", "REVOKED", "CANCELED", "EXPIRED"],
        description="Determination of the request: PENDING (not decided yet), APPROVED, DENIED, REVOKED (taken "
        "back), CANCELED (called off) or EXPIRED (its time is over).",
    )
    form_id = dy.String(nullable=True, description="Id of the request form. Null where the request has none.")
    responses = dy.String(
        nullable=True,
        description="Answers on the request form, as JSON text with sorted keys. Null where there are none.",
    )
    expires_at = _timestamp(
        nullable=True, description="End of a temporary access (UTC). Null where the access has no end."
    )
    created_at = _timestamp(description="Moment of the request (UTC).")
    updated_at = _timestamp(
        nullable=True, description="Last change of the request (UTC). Null where the dump does not say."
    )


class ApprovalRecords(dy.Schema):
    """Approvals that a request needs."""

    approval_id = dy.String(primary_key=True, description="Id of the approval record.")
    request_id = dy.String(description="Id of the request it belongs to; may be unknown.")
    approvers = dy.String(description="Who may approve, as the text of a JSON array; [] where nobody is named.")
    reviewer_global_user_id = dy.String(
        nullable=True, description="UUID of the user who decided (the API's actionBy). Null while nobody has."
    )
    reviewer_source = dy.String(
        nullable=True,
        description="What made the user a reviewer, in the tenant's words. Null where the dump does not say.",
    )
    status = dy.Enum(
        ["PENDING", "BLOCKED", "APPROVED", "DENIED", "CANCELED", "REVOKED", "EXPIRED"],
        description="Determination of the record: PENDING (not decided yet), BLOCKED (waits for another record), "
        "APPROVED, DENIED, CANCELED, REVOKED or EXPIRED.",
    )
    reason = dy.String(nullable=True, description="Reason that the reviewer gave. Null where none was given.")
    updated_at = _timestamp(
        nullable=True, description="Last change of the record (UTC). Null where the dump does not say."
    )


class AccessAgreements(dy.Schema):
    """Data use agreements signed with a request."""

    agreement_id = dy.String(description="Id of the data use agreement.")
    request_id = dy.String(description="Id of the request it was signed with; may be unknown.")
    name = dy.String(description="Display name of the agreement.")


class DataProducts(dy.Schema):
    """Data products of the Request app."""

    data_product_id = dy.String(primary_key=True, description="Id of the data product.")
    name = dy.String(description="Display name of the data product.")
    domain_id = dy.String(nullable=True, description="Id of its domain; may be unknown. Null where it has none.")
    description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    creator_global_user_id = dy.String(
        nullable=True, description="UUID of the user who registered it. Null where the dump does not say."
    )
    sme_global_user_ids = dy.List(
        dy.String(),
        nullable=True,
        description="UUIDs of the subject matter experts, each once. Empty where the dump gives none; never null, "
        "though the schema allows it.",
    )
    suspended = dy.Bool(description="Whether the data product is suspended.")
    data_source_ids = dy.List(
        dy.String(), description="Numeric ids, as text, of the data sources in the product, each once."
    )


COLLECTIONS: dict[str, type[dy.Schema]] = {
    "tenant": TenantRow,
    "iams": Iams,
    "users": Users,
    "groups": Groups,
    "group_members": GroupMembers,
    "data_sources": DataSources,
    "columns": Columns,
    "data_source_members": DataSourceMembers,
    "policies": Policies,
    "tags": Tags,
    "domains": Domains,
    "projects": Projects,
    "purposes": Purposes,
    "access_requests": AccessRequests,
    "approval_records": ApprovalRecords,
    "access_agreements": AccessAgreements,
    "data_products": DataProducts,
}
"""Every collection by name, in reading order."""
