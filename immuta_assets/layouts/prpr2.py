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


def _make_export_date() -> dy.Datetime:
    """Make the last column of every table; a base class cannot, since its columns would come first."""
    return dy.Datetime(
        description="Moment of the tenant dump that the row follows from, in UTC; the same in every row of an export."
    )


class PolicyMetadata(dy.Schema):
    """A global subscription policy that is neither staged nor deleted."""

    who = dy.String(
        description="Whom the policy lets in: groups by name, attributes as name=value, <tag> where a tag function "
        "decides, each once, separated by commas. Or * (everybody), approved users, selected users, "
        "nobody (invalid)."
    )
    object = dy.String(
        description="Data sources the policy targets: tags by name, other conditions as type:value, separated by "
        "commas. Or * (all data sources), when selected (data owners apply the policy by hand)."
    )
    access_type = dy.Enum(
        ["GRANT", "GUARDRAIL"],
        description="Kind of subscription policy: GRANT (subscribes users who meet it) or GUARDRAIL (restricts whom "
        "grants may subscribe, and subscribes nobody).",
    )
    policy = dy.String(
        description="Expression that a user has to meet, in Immuta's syntax. TRUE lets in everybody, FALSE nobody "
        "by itself. An invalid expression stands as its author wrote it."
    )
    scope = dy.Enum(["READ", "WRITE"], description="Access that the policy controls: READ or WRITE.")
    policy_id = dy.Int64(
        primary_key=True, description="Numeric id of the policy; policy-outcomes.policy_ids refers to it."
    )
    policy_name = dy.String(description="Display name of the policy.")
    creation_date = dy.Datetime(description="When the policy was created, in UTC.")
    owner = dy.String(description="Name of the user who created the policy; SYSTEM where no user did.")
    owner_global_user_id = dy.String(
        description="UUID of the user who created the policy; the profile id as text where that user is unknown, "
        "SYSTEM where no user did."
    )
    link = dy.String(description="Address of the policy in the tenant's user interface.")
    source = dy.String(
        description="Where the policy comes from: GLOBAL (made by a user) or SYSTEM (made by the product)."
    )
    export_date = _make_export_date()


class DatasourceMetadata(dy.Schema):
    """A data source, enabled or disabled."""

    data_source_id = dy.Int64(primary_key=True, description="Numeric id of the data source.")
    data_source_name = dy.String(description="Name of the data source in Immuta.")
    data_source_description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    is_enabled = dy.Bool(
        description="Whether the data source is enabled. A disabled one has no rows in policy-outcomes."
    )
    technology = dy.String(description="Platform behind the data source, such as Snowflake or Databricks.")
    connection = dy.String(
        nullable=True,
        description="Connection through which Immuta reaches the platform. Null where the tenant gives none.",
    )
    data_source_type = dy.String(
        description="Native object type in the source system, such as TABLE or VIEW; TABLE where the tenant gives none."
    )
    data_source_created_at = dy.Datetime(description="When the data source was registered in Immuta, in UTC.")
    data_source_health = dy.String(description="Health status in the tenant's words; unknown where it gives none.")
    export_date = _make_export_date()


class ColumnMetadata(dy.Schema):
    """A column of a data source."""

    column_id = dy.String(
        description="Id of the column; tag-metadata.target_id refers to it. Nothing promises that it is unique."
    )
    data_source_id = dy.Int64(primary_key=True, description="Numeric id of the data source the column belongs to.")
    column_name = dy.String(primary_key=True, description="Name of the column.")
    column_description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    column_data_type = dy.String(
        description="Data type in the source system; Immuta's own type where the tenant does not give it."
    )
    export_date = _make_export_date()


class UserMetadata(dy.Schema):
    """A fact about a user: a group membership or an attribute value. A user without facts has one row with nulls."""

    user_id = dy.String(description="Id of the user within the identity source.")
    global_user_id = dy.String(description="UUID of the user across all systems; other tables refer to it.")
    email = dy.String(nullable=True, description="Primary e-mail address. Null where the profile has none.")
    identity_source = dy.String(description="Identity manager the user comes from: its display name, else its id.")
    global_permissions = dy.List(
        dy.String(),
        nullable=True,
        description="Global Immuta permissions of the user. Empty where there are none; never null in this export, "
        "though the guide allows it.",
    )
    group_name = dy.String(
        nullable=True,
        description="Group that the fact is about. Null where the fact is no membership and comes through no group.",
    )
    attribute_key = dy.String(
        nullable=True,
        description="Name of the attribute. Null where the fact is a membership, or the user has no facts.",
    )
    attribute_value = dy.String(
        nullable=True, description="Value of the attribute, one per row. Null where attribute_key is null."
    )
    source = dy.String(
        description="Where the fact comes from: GROUP (a membership, or an attribute of a group) or USER (an "
        "attribute of the user, or no fact at all)."
    )
    association = dy.String(
        description="How the user has it: Direct (is a member, or has the attribute itself) or Inherited (has the "
        "attribute through a group)."
    )
    export_date = _make_export_date()


class TagMetadata(dy.Schema):
    """A tag on a data source or on a column.

    No key is declared: nothing promises that a dump's column ids are unique.
    """

    tag_name = dy.String(description="Full dotted name of the tag.")
    tag_description = dy.String(
        nullable=True,
        description="Description of the tag. Null where neither the application of the tag nor the tag itself has one.",
    )
    target_id = dy.String(
        description="Id, as text, of what carries the tag: the data source or the column, as target_type says."
    )
    target_type = dy.Enum(
        ["DATA_SOURCE", "COLUMN"],
        description="Level at which the tag is applied: DATA_SOURCE (target_id is a data_source_id) or COLUMN "
        "(target_id is a column_id).",
    )
    source = dy.String(
        description="System that the tag comes from, such as curated, collibra or marketplace; curated where the "
        "tenant gives none."
    )
    context = dy.String(
        description="How the tag was applied, such as manual, catalog, sdd or marketplace; manual where the tenant "
        "gives none."
    )
    as_of = dy.Datetime(
        description="When the tag was applied, in UTC. Where the tenant does not say: when the data source was "
        "registered, or for a column the moment of the dump."
    )
    export_date = _make_export_date()


class PolicyOutcomes(dy.Schema):
    """One way in which a user has access to a data source: by policy or by hand, for reading or for writing.

    Unique by user, data source, scope and source.
    """

    # No key is declared, since all its values would have to be in memory. The compact form of outcomes proves it.
    global_user_id = dy.String(description="UUID of the user who has the access.")
    data_source_id = dy.Int64(description="Numeric id of the data source that the user has access to.")
    column_id = dy.String(
        nullable=True,
        description="Column that reveal policies apply to. Always null: the product does not support it yet.",
    )
    policy_ids = dy.List(
        dy.Int64(),
        nullable=True,
        description="Numeric ids, ascending, of the guardrails on the data source and of the grants that subscribe "
        "this user. Null where source is MANUAL.",
    )
    merged_policy = dy.String(
        nullable=True,
        description="Boolean expression that results from merging all policies of the data source and scope. Null "
        "where source is MANUAL.",
    )
    scope = dy.Enum(
        ["READ", "WRITE"], description="Access that the row is about: READ or WRITE. Neither implies the other."
    )
    is_owner = dy.Bool(description="Whether the user owns the data source.")
    source = dy.String(
        description="How the user got the access: POLICY (a policy subscribes the user) or MANUAL (somebody added "
        "the user to the member list)."
    )
    export_date = _make_export_date()


class DomainMetadata(dy.Schema):
    """A data source of a domain paired with a user who holds permissions there."""

    id = dy.String(description="Id of the domain.")
    name = dy.String(description="Display name of the domain.")
    description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    creator_global_user_id = dy.String(
        description="UUID of the user who created the domain; the profile id as text where that user is unknown, "
        "SYSTEM where no user did."
    )
    data_source_id = dy.Int64(
        nullable=True,
        metadata=_GUIDE_SAYS_NON_NULL,
        description="Numeric id of a data source in the domain. Null where the domain has no data source.",
    )
    privileged_user = dy.String(
        nullable=True,
        metadata=_GUIDE_SAYS_NON_NULL,
        description="UUID of a user who has permissions in the domain, directly or through a group. Null where "
        "nobody has.",
    )
    permissions = dy.List(
        dy.String(),
        description="Permissions of that user in the domain, sorted, each once; empty where privileged_user is null.",
    )
    export_date = _make_export_date()


class AccessRequestMetadata(dy.Schema):
    """A request for access made in the Request app."""

    request_id = dy.String(
        primary_key=True, description="Id of the access request; request-determinations and request-duas refer to it."
    )
    global_user_id = dy.String(description="UUID of the user who will gain the access.")
    global_requestor_id = dy.String(description="UUID of the user who made the request.")
    target_id = dy.String(
        description="Id, as text, of the requested data product, data source or column, as target_type says."
    )
    target_type = dy.Enum(
        ["DATA_SOURCE", "COLUMN", "DATA_PRODUCT"], description="What is requested: DATA_SOURCE, COLUMN or DATA_PRODUCT."
    )
    request_date = dy.Datetime(description="When the request was made, in UTC.")
    request_responses = dy.String(
        description="Answers on the request form, as JSON text with sorted keys; {} where there are none."
    )
    request_form_id = dy.String(description="Id of the request form; empty where the request has none.")
    final_determination_date = dy.Datetime(
        nullable=True,
        metadata=_GUIDE_SAYS_NON_NULL,
        description="When the final determination was made, in UTC. Null while determination is PENDING, and where "
        "the tenant does not say.",
    )
    determination = dy.Enum(
        ["PENDING", "APPROVED", "DENIED", "REVOKED", "CANCELED", "EXPIRED"],
        description="Determination of the request: PENDING (not decided yet), APPROVED, DENIED, REVOKED (taken "
        "back), CANCELED (called off) or EXPIRED (its time is over).",
    )
    expiration_date = dy.Datetime(
        nullable=True, description="When a temporary access ends, in UTC. Null where the access has no end."
    )
    export_date = _make_export_date()


class RequestDeterminations(dy.Schema):
    """An approval that an access request needs."""

    approval_id = dy.String(primary_key=True, description="Id of the approval record.")
    request_id = dy.String(description="Id of the access request.")
    global_reviewer_id = dy.String(nullable=True, description="UUID of the user who reviewed. Null while nobody has.")
    reviewer_source = dy.String(
        nullable=True,
        description="Condition that made this person a reviewer of the request. Null where the tenant does not say.",
    )
    reviewer_determination = dy.String(
        description="Determination of the reviewer: PENDING (not decided yet, or waiting for another record), "
        "APPROVED, DENIED, CANCELED, REVOKED or EXPIRED."
    )
    determination_date = dy.Datetime(
        nullable=True,
        description="When the determination was made, in UTC. Null while status is WAITING, and where the tenant "
        "does not say.",
    )
    justification = dy.String(nullable=True, description="Reason that the reviewer gave. Null where none was given.")
    status = dy.String(description="Whether the determination is outstanding (WAITING) or made (COMPLETED).")
    pending_reviewers = dy.String(
        description="JSON array, as text, of those who may still decide; [] where status is COMPLETED."
    )
    export_date = _make_export_date()


class RequestDuas(dy.Schema):
    """A data use agreement signed with an access request."""

    request_id = dy.String(description="Id of the access request.")
    dua_id = dy.String(description="Id of the data use agreement.")
    name = dy.String(description="Display name of the data use agreement.")
    export_date = _make_export_date()


class DataProductMetadata(dy.Schema):
    """A data product of the Request app."""

    data_product_id = dy.String(primary_key=True, description="Id of the data product.")
    data_product_name = dy.String(description="Display name of the data product.")
    data_product_domain = dy.String(description="Id of the domain of the data product; empty where it has none.")
    data_product_description = dy.String(nullable=True, description="Description for people. Null where there is none.")
    data_product_creator = dy.String(
        description="UUID of the user who registered the data product; SYSTEM where the tenant names none."
    )
    data_product_smes = dy.List(
        dy.String(),
        nullable=True,
        description="UUIDs of the subject matter experts. Empty where there are none; never null in this export, "
        "though the guide allows it.",
    )
    data_product_suspended = dy.Bool(description="Whether the data product is suspended.")
    export_date = _make_export_date()


class DataProductAssets(dy.Schema):
    """A data source within a data product."""

    data_product_id = dy.String(primary_key=True, description="Id of the data product.")
    data_source_id = dy.String(primary_key=True, description="Id, as text, of a data source in the data product.")
    export_date = _make_export_date()


TABLES: dict[str, type[dy.Schema]] = {
    "policy-metadata": PolicyMetadata,
    "datasource-metadata": DatasourceMetadata,
    "column-metadata": ColumnMetadata,
    "user-metadata": UserMetadata,
    "tag-metadata": TagMetadata,
    "policy-outcomes": PolicyOutcomes,
    "domain-metadata": DomainMetadata,
    "access-requests": AccessRequestMetadata,
    "request-determinations": RequestDeterminations,
    "request-duas": RequestDuas,
    "data-products": DataProductMetadata,
    "data-product-assets": DataProductAssets,
}
"""The twelve schemas by export name."""

STAND_INS: dict[tuple[str, str], str] = {
    ("policy-outcomes", "scope"): "'READ'",
    ("tag-metadata", "target_id"): "CASE target_type WHEN 'DATA_SOURCE' THEN CAST(data_source_id AS TEXT) END",
}
"""New columns whose values prpr1 has too, each as SQL over the columns of prpr1."""

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
"""The changes of meaning up to this version; a newer version repeats these and adds its own."""
