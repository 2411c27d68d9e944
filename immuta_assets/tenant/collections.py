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


class TenantInfo(dy.Schema):
    """The tenant itself; exactly one row."""

    tenant_id = dy.String(primary_key=True, description="Id of the tenant.")
    url = dy.String(description="Address of the tenant's user interface, without a trailing slash.")
    dumped_at = _timestamp(description="Moment the dump describes; becomes export_date.")


class Iams(dy.Schema):
    """Identity managers."""

    iam_id = dy.String(primary_key=True, description="Id of the identity manager.")
    display_name = dy.String(nullable=True, description="Name shown to people.")
    type = dy.String(nullable=True, description="Kind of identity manager.")


class Users(dy.Schema):
    """Users, one row per profile."""

    profile_id = dy.Int64(primary_key=True, description="Id by which the tenant refers to the user.")
    global_user_id = dy.String(unique=True, description="UUID by which the export refers to the user.")
    iam_id = dy.String(description="Identity manager the user comes from.")
    user_id = dy.String(description="Id of the user within the identity manager.")
    name = dy.String(nullable=True, description="Display name.")
    email = dy.String(nullable=True, description="Primary e-mail.")
    snowflake_user = dy.String(nullable=True, description="Mapped Snowflake user name.")
    databricks_user = dy.String(nullable=True, description="Mapped Databricks user name.")
    trino_user = dy.String(nullable=True, description="Mapped Trino user name.")
    permissions = dy.List(dy.String(), description="Global permissions, in the order given.")
    attributes = dy.List(ATTRIBUTE, description="Attributes assigned directly.")
    disabled = dy.Bool(description="Whether the user is disabled.")
    system_generated = dy.Bool(description="Whether this is a system account.")
    last_login = _timestamp(nullable=True, description="Last login.")
    created_at = _timestamp(nullable=True, description="Creation.")
    updated_at = _timestamp(nullable=True, description="Last change.")


class Groups(dy.Schema):
    """Groups of users."""

    group_id = dy.Int64(primary_key=True, description="Id of the group.")
    iam_id = dy.String(description="Identity manager the group comes from.")
    name = dy.String(description="Name; the same name may exist in several identity managers.")
    gid = dy.String(nullable=True, description="Id within the identity manager.")
    email = dy.String(nullable=True, description="Address of the group.")
    description = dy.String(nullable=True, description="Description.")
    attributes = dy.List(ATTRIBUTE, description="Attributes that every member inherits.")


class GroupMembers(dy.Schema):
    """Memberships, each once."""

    group_id = dy.Int64(primary_key=True, description="The group; may be unknown.")
    profile_id = dy.Int64(primary_key=True, description="The member; may be unknown.")


class DataSources(dy.Schema):
    """Data sources, enabled and disabled."""

    data_source_id = dy.Int64(primary_key=True, description="Id of the data source.")
    name = dy.String(description="Name in the tenant.")
    description = dy.String(nullable=True, description="Description.")
    deleted = dy.Bool(description="Whether the data source is disabled.")
    technology = dy.String(description="Platform (blobHandlerType).")
    created_at = _timestamp(description="Registration.")
    health = dy.String(nullable=True, description="Health status.")
    connection_string = dy.String(nullable=True, description="Connection.")
    hostname = dy.String(nullable=True, description="Host of the platform.")
    database = dy.String(nullable=True, description="Database on the platform.")
    schema = dy.String(nullable=True, description="Schema on the platform (remoteSchema).")
    table = dy.String(nullable=True, description="Table on the platform (remoteTable).")
    type = dy.String(nullable=True, description="TABLE, VIEW, …")
    tags = dy.List(TAG, description="Tags on the data source, each name once.")
    policy_ids = dy.List(dy.Int64(), description="Global policies applied by hand (globalPolicies).")
    domain_id = dy.String(nullable=True, description="Domain of the data source.")
    created_by = dy.Int64(nullable=True, description="Profile id of the creator.")


class Columns(dy.Schema):
    """Columns of data sources."""

    data_source_id = dy.Int64(primary_key=True, description="The data source; may be unknown.")
    name = dy.String(primary_key=True, description="Name of the column.")
    column_id = dy.String(description="The dump's id, else derived from tenant, data source and name.")
    description = dy.String(nullable=True, description="Description.")
    data_type = dy.String(description="Type in the tenant.")
    remote_type = dy.String(nullable=True, description="Type on the platform.")
    tags = dy.List(TAG, description="Tags on the column, each name once.")


class DataSourceMembers(dy.Schema):
    """Entries of the data sources' member lists, each once."""

    data_source_id = dy.Int64(description="The data source; may be unknown.")
    profile_id = dy.Int64(nullable=True, description="The member, or null where it is a group.")
    group_id = dy.Int64(nullable=True, description="The member group, or null where it is a user.")
    state = dy.Enum(["owner", "expert", "subscribed", "ingest", "pending"], description="Kind of membership.")
    by_policy = dy.Bool(description="Whether a policy made the entry.")
    approved = dy.Bool(description="Whether the entry is approved.")
    scope = dy.Enum(["READ", "WRITE"], description="Access the entry is about (accessGrant).")
    expires_at = _timestamp(nullable=True, description="End of the entry; null = never.")
    created_at = _timestamp(nullable=True, description="Creation.")


class Policies(dy.Schema):
    """Global policies of every type, staged and deleted ones included."""

    policy_id = dy.Int64(primary_key=True, description="Id of the policy.")
    name = dy.String(description="Name.")
    type = dy.String(description="subscription, data, …")
    policy_key = dy.String(nullable=True, description="Key of the policy as code.")
    actions = dy.String(description="JSON array: the rules.")
    circumstances = dy.String(nullable=True, description="JSON: the targets; null = key absent, 'null' = JSON null.")
    owner_restrictions = dy.String(nullable=True, description="JSON object: owners the policy is limited to.")
    staged = dy.Bool(description="Whether the policy is only staged.")
    deleted = dy.Bool(description="Whether the policy is deleted.")
    system_generated = dy.Bool(description="Whether the product made it.")
    template = dy.Bool(nullable=True, description="Whether it is a template.")
    created_by = dy.Int64(nullable=True, description="Profile id of the creator.")
    created_by_name = dy.String(nullable=True, description="Name of the creator.")
    created_at = _timestamp(description="Creation.")


class Tags(dy.Schema):
    """Tags that exist, applied or not."""

    name = dy.String(primary_key=True, description="Full dotted name.")
    tag_id = dy.String(nullable=True, description="Id of the tag.")
    description = dy.String(nullable=True, description="Description.")
    source = dy.String(nullable=True, description="Catalog the tag comes from.")
    deleted = dy.Bool(description="Whether the tag is deleted.")


class Domains(dy.Schema):
    """Domains with their data sources and permissions."""

    domain_id = dy.String(primary_key=True, description="Id of the domain.")
    name = dy.String(description="Name.")
    description = dy.String(nullable=True, description="Description.")
    created_by = dy.Int64(nullable=True, description="Profile id of the creator.")
    data_source_ids = dy.List(dy.Int64(), description="Data sources assigned to the domain.")
    permissions = dy.List(
        dy.Struct(
            {
                "profile_id": dy.Int64(nullable=True),
                "group_id": dy.Int64(nullable=True),
                "permission": dy.String(),
            }
        ),
        description="Who holds which permission; each names exactly one of profile and group.",
    )


class Projects(dy.Schema):
    """Projects with purposes, members and data sources."""

    project_id = dy.Int64(primary_key=True, description="Id of the project.")
    name = dy.String(description="Name.")
    project_key = dy.String(nullable=True, description="Key of the project as code.")
    status = dy.String(nullable=True, description="Status.")
    description = dy.String(nullable=True, description="Description.")
    deleted = dy.Bool(description="Whether the project is disabled.")
    created_by = dy.Int64(nullable=True, description="Profile id of the creator.")
    created_at = _timestamp(nullable=True, description="Creation.")
    subscription_type = dy.String(nullable=True, description="How users join.")
    purpose_ids = dy.List(dy.Int64(), description="Purposes of the project.")
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
        description="Members; each names exactly one of profile and group.",
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
        description="Data sources of the project.",
    )


class Purposes(dy.Schema):
    """Purposes for which data may be used."""

    purpose_id = dy.Int64(primary_key=True, description="Id of the purpose.")
    name = dy.String(description="Name.")
    acknowledgement = dy.String(nullable=True, description="Text a user acknowledges.")
    description = dy.String(nullable=True, description="Description.")
    added_by = dy.Int64(nullable=True, description="Profile id of the creator.")
    deleted = dy.Bool(description="Whether the purpose is deleted.")


class AccessRequests(dy.Schema):
    """Requests of the Request app."""

    request_id = dy.String(primary_key=True, description="Id of the request.")
    requestor_global_user_id = dy.String(description="User who asked.")
    global_user_id = dy.String(description="User who gets the access.")
    target_id = dy.String(description="Requested data product, data source or column.")
    target_type = dy.Enum(["DATA_SOURCE", "COLUMN", "DATA_PRODUCT"], description="Kind of target.")
    status = dy.Enum(["PENDING", "APPROVED", "DENIED", "REVOKED", "CANCELED", "EXPIRED"], description="Determination.")
    form_id = dy.String(nullable=True, description="Id of the request form.")
    responses = dy.String(nullable=True, description="Answers, JSON text with sorted keys.")
    expires_at = _timestamp(nullable=True, description="End of a temporary access.")
    created_at = _timestamp(description="Moment of the request.")
    updated_at = _timestamp(nullable=True, description="Last change.")


class ApprovalRecords(dy.Schema):
    """Approvals that a request needs."""

    approval_id = dy.String(primary_key=True, description="Id of the approval record.")
    request_id = dy.String(description="The request; may be unknown.")
    approvers = dy.String(description="JSON array of who may approve.")
    reviewer_global_user_id = dy.String(nullable=True, description="User who decided (actionBy).")
    reviewer_source = dy.String(nullable=True, description="What made the user a reviewer.")
    status = dy.Enum(
        ["PENDING", "BLOCKED", "APPROVED", "DENIED", "CANCELED", "REVOKED", "EXPIRED"], description="Determination."
    )
    reason = dy.String(nullable=True, description="Justification.")
    updated_at = _timestamp(nullable=True, description="Last change.")


class AccessAgreements(dy.Schema):
    """Data use agreements signed with a request."""

    agreement_id = dy.String(description="Id of the agreement.")
    request_id = dy.String(description="The request; may be unknown.")
    name = dy.String(description="Name of the agreement.")


class DataProducts(dy.Schema):
    """Data products of the Request app."""

    data_product_id = dy.String(primary_key=True, description="Id of the data product.")
    name = dy.String(description="Name.")
    domain_id = dy.String(nullable=True, description="Domain.")
    description = dy.String(nullable=True, description="Description.")
    creator_global_user_id = dy.String(nullable=True, description="User who registered it.")
    sme_global_user_ids = dy.List(dy.String(), nullable=True, description="Subject matter experts.")
    suspended = dy.Bool(description="Whether the product is suspended.")
    data_source_ids = dy.List(dy.String(), description="Data sources in the product, ids as text.")


COLLECTIONS: dict[str, type[dy.Schema]] = {
    "tenant": TenantInfo,
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
