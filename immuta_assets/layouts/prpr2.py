"""Layout prpr2, the current one: twelve tables, one schema class each.

The classes are the only place that knows a column's name, order, type, nullability and meaning; files, checks and the
Columns tab of every asset are made from them. They follow the page "Latest access summary export schema reference guide
(prpr2)". Text whose set of values the guide closes is an Enum. Readers rely on a published version as it is: a change,
however small, is a new version, and a new version is a new module.
"""

from __future__ import annotations

import dataframely as dy

from immuta_assets.frames.contract import MeaningChange

_GUIDE_SAYS_NON_NULL = {"guide_nullable": False}
"""Marks a column that has to be null at times although the guide says otherwise (docs/policy_semantics.md)."""


def _export_date() -> dy.Datetime:
    """The last column of every table: inherited columns would come first."""
    return dy.Datetime(description="Timestamp of the export run that produced this row.")


class PolicyMetadata(dy.Schema):
    """A global subscription policy that is neither staged nor deleted."""

    who = dy.String(description="Attribute(s) or group(s) the policy targets.")
    object = dy.String(description="Tag(s) the policy targets.")
    access_type = dy.Enum(["GRANT", "GUARDRAIL"], description="Kind of subscription policy.")
    policy = dy.String(description="The policy expression in Immuta form.")
    scope = dy.Enum(["READ", "WRITE"], description="Access kind the policy controls.")
    policy_id = dy.Int64(primary_key=True, description="Numeric id of the policy.")
    policy_name = dy.String(description="Display name of the policy.")
    creation_date = dy.Datetime(description="When the policy (or record) was first created.")
    owner = dy.String(description="User name or display name of the policy owner.")
    owner_global_user_id = dy.String(description="UUID of the policy owner.")
    link = dy.String(description="URL/URI pointing at the policy or resource.")
    source = dy.String(description="Where the policy comes from.")
    export_date = _export_date()


class DatasourceMetadata(dy.Schema):
    """A data source, enabled or disabled."""

    data_source_id = dy.Int64(primary_key=True, description="Numeric id of the data source.")
    data_source_name = dy.String(description="Name of the data source (table or object name, for example).")
    data_source_description = dy.String(nullable=True, description="Description of the data source.")
    is_enabled = dy.Bool(description="Whether the data source is currently enabled.")
    technology = dy.String(description="Platform behind the data source (Snowflake, S3, Azure SQL, ...).")
    connection = dy.String(nullable=True, description="Connection identifier in Immuta.")
    data_source_type = dy.String(description="Native object type in the source system (TABLE, VIEW, ...).")
    data_source_created_at = dy.Datetime(description="When the data source was registered in Immuta.")
    data_source_health = dy.String(description="Health status of the data source.")
    export_date = _export_date()


class ColumnMetadata(dy.Schema):
    """A column of a data source."""

    column_id = dy.String(description="Unique id of the column.")
    data_source_id = dy.Int64(primary_key=True, description="Numeric id of the data source the column belongs to.")
    column_name = dy.String(primary_key=True, description="Name of the column.")
    column_description = dy.String(nullable=True, description="Description of the column.")
    column_data_type = dy.String(description="Data type of the column in the source system.")
    export_date = _export_date()


class UserMetadata(dy.Schema):
    """A fact about a user: a group membership or an attribute value; a user without any has one row of nulls."""

    user_id = dy.String(description="User identifier within the source system (IAM).")
    global_user_id = dy.String(description="UUID of the user across all systems.")
    email = dy.String(nullable=True, description="Primary e-mail of the user profile.")
    identity_source = dy.String(description="Identity provider the user comes from (Okta, LDAP, System, ...).")
    global_permissions = dy.List(dy.String(), nullable=True, description="Global Immuta permissions held by the user.")
    group_name = dy.String(nullable=True, description="Name of a group the user belongs to.")
    attribute_key = dy.String(nullable=True, description="Attribute key.")
    attribute_value = dy.String(nullable=True, description="Value for that attribute key.")
    source = dy.String(description="Whether the attribute comes from a group or from direct assignment.")
    association = dy.String(description="How the user is tied to the group or attribute.")
    export_date = _export_date()


class TagMetadata(dy.Schema):
    """A tag on a data source or on a column.

    No key is declared: nothing promises that a dump's column ids are unique.
    """

    tag_name = dy.String(description="Name of the applied tag.")
    tag_description = dy.String(nullable=True, description="Description of the tag.")
    target_id = dy.String(description="Id of the data source or of the column, according to target_type.")
    target_type = dy.Enum(["DATA_SOURCE", "COLUMN"], description="Level at which the tag is applied.")
    source = dy.String(description="System or component that produced the tag metadata.")
    context = dy.String(description="Approach used to create the tag.")
    as_of = dy.Datetime(description="When the tag was added.")
    export_date = _export_date()


class PolicyOutcomes(dy.Schema):
    """A way by which a user has access to a data source: by policy or by hand, for reading or for writing.

    Unique by user, data source, scope and source.
    """

    # No key is declared: its values would all have to be in memory; the policies' compact form proves it instead.
    global_user_id = dy.String(description="UUID of the user whose access is determined.")
    data_source_id = dy.Int64(description="Numeric id of the data source the policies apply to.")
    column_id = dy.String(nullable=True, description="Column the reveal policies apply to.")
    policy_ids = dy.List(dy.Int64(), nullable=True, description="Ids of every policy that contributed to the outcome.")
    merged_policy = dy.String(nullable=True, description="Boolean expression that results from merging the policies.")
    scope = dy.Enum(["READ", "WRITE"], description="Access kind.")
    is_owner = dy.Bool(description="Whether the user owns the resource (and so has extra power over it).")
    source = dy.String(description="Whether the user was added manually or via policy.")
    export_date = _export_date()


class DomainMetadata(dy.Schema):
    """A data source of a domain paired with a user who holds permissions there."""

    id = dy.String(description="Id of the domain.")
    name = dy.String(description="Display name of the domain.")
    description = dy.String(nullable=True, description="Description of the domain.")
    creator_global_user_id = dy.String(description="UUID of the user who created the domain.")
    data_source_id = dy.Int64(
        nullable=True, metadata=_GUIDE_SAYS_NON_NULL, description="Numeric id of a data source in the domain."
    )
    privileged_user = dy.String(
        nullable=True,
        metadata=_GUIDE_SAYS_NON_NULL,
        description="Identity of a user with elevated rights over the domain.",
    )
    permissions = dy.List(dy.String(), description="Rights or roles granted within the domain.")
    export_date = _export_date()


class AccessRequests(dy.Schema):
    """A request for access made in the Request app."""

    request_id = dy.String(primary_key=True, description="UUID of the access request.")
    global_user_id = dy.String(description="UUID of the user who will gain the access.")
    global_requestor_id = dy.String(description="UUID of the user who made the request.")
    target_id = dy.String(description="Id of the requested data product, data source or column.")
    target_type = dy.Enum(["DATA_SOURCE", "COLUMN", "DATA_PRODUCT"], description="Kind of target.")
    request_date = dy.Datetime(description="When the request was made.")
    request_responses = dy.String(description="Answers the user gave on the request form.")
    request_form_id = dy.String(description="Id of the request form.")
    final_determination_date = dy.Datetime(
        nullable=True, metadata=_GUIDE_SAYS_NON_NULL, description="When the final determination was made."
    )
    determination = dy.Enum(
        ["PENDING", "APPROVED", "DENIED", "REVOKED", "CANCELED", "EXPIRED"], description="Determination of the request."
    )
    expiration_date = dy.Datetime(nullable=True, description="When a temporary request expires.")
    export_date = _export_date()


class RequestDeterminations(dy.Schema):
    """An approval that an access request needs."""

    approval_id = dy.String(primary_key=True, description="Id of the approval record.")
    request_id = dy.String(description="UUID of the access request.")
    global_reviewer_id = dy.String(nullable=True, description="UUID of the user who reviewed.")
    reviewer_source = dy.String(nullable=True, description="Condition that made this person a reviewer of the request.")
    reviewer_determination = dy.String(description="Determination of the reviewer.")
    determination_date = dy.Datetime(nullable=True, description="When the determination was made.")
    justification = dy.String(nullable=True, description="Reason given for the determination.")
    status = dy.String(description="Whether the determination is outstanding or done.")
    pending_reviewers = dy.String(
        description="JSON array (as text) of the reviewers while the determination is pending."
    )
    export_date = _export_date()


class RequestDuas(dy.Schema):
    """A data use agreement signed with an access request."""

    request_id = dy.String(description="UUID of the access request.")
    dua_id = dy.String(description="Id of the data use agreement.")
    name = dy.String(description="Name of the data use agreement.")
    export_date = _export_date()


class DataProducts(dy.Schema):
    """A data product of the Request app."""

    data_product_id = dy.String(primary_key=True, description="Id of the data product.")
    data_product_name = dy.String(description="Name of the data product.")
    data_product_domain = dy.String(description="Id of the domain the data product belongs to.")
    data_product_description = dy.String(nullable=True, description="Description of the data product.")
    data_product_creator = dy.String(description="UUID of the user who registered the data product.")
    data_product_smes = dy.List(dy.String(), nullable=True, description="UUIDs of the subject matter experts.")
    data_product_suspended = dy.Bool(description="Whether the data product is currently suspended.")
    export_date = _export_date()


class DataProductAssets(dy.Schema):
    """A data source within a data product."""

    data_product_id = dy.String(primary_key=True, description="Id of the data product.")
    data_source_id = dy.String(primary_key=True, description="Id of a data source in the data product.")
    export_date = _export_date()


TABLES: dict[str, type[dy.Schema]] = {
    "policy-metadata": PolicyMetadata,
    "datasource-metadata": DatasourceMetadata,
    "column-metadata": ColumnMetadata,
    "user-metadata": UserMetadata,
    "tag-metadata": TagMetadata,
    "policy-outcomes": PolicyOutcomes,
    "domain-metadata": DomainMetadata,
    "access-requests": AccessRequests,
    "request-determinations": RequestDeterminations,
    "request-duas": RequestDuas,
    "data-products": DataProducts,
    "data-product-assets": DataProductAssets,
}
"""The twelve schemas by export name."""

STAND_INS: dict[tuple[str, str], str] = {
    ("policy-outcomes", "scope"): "'READ'",
    ("tag-metadata", "target_id"): "CASE target_type WHEN 'DATA_SOURCE' THEN CAST(data_source_id AS TEXT) END",
}
"""New columns that prpr1 tells too, each as SQL over its columns."""

MEANING_CHANGES: tuple[MeaningChange, ...] = (
    MeaningChange(
        "tag-metadata",
        "data_source_id",
        before="The data source the tag is on, or whose column it is on.",
        now="target_id stands in its place: the id, as text, of the data source or of the column itself.",
        remedy="Where target_type is DATA_SOURCE, cast target_id to bigint and use it as data_source_id; where it is "
        "COLUMN, join target_id with column-metadata.column_id to get the data_source_id.",
    ),
    MeaningChange(
        "tag-metadata",
        "target_type",
        before="The level at which the tag is applied.",
        now="The level at which the tag is applied, and so what target_id identifies.",
        remedy="Filter by target_type before target_id is joined with anything.",
    ),
    MeaningChange(
        "policy-outcomes",
        None,
        before="A row is a way by which a user may read a data source.",
        now="A row is a way by which a user may read or write a data source, as scope says.",
        remedy="Add scope = 'READ' to every query that counts rows, joins them or takes one for read access.",
    ),
)
"""What changed in meaning up to this version; a newer one repeats these and adds its own."""
