"""Planted stories: situations with known answers, the same in every demo, whatever the preset and the seed.

Ids below 100 belong to them, and the names of their groups, attributes, tags and tables all begin with ``Planted``, so
nothing that is drawn at random touches them; the company's policies on all data sources let in auditors only, who are
never planted users. ``STORIES`` says what is planted and what the answer is, in ids; ``write_objects`` makes the API
objects. Add a story here when a computation deserves an answer that anybody can check by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from immuta_assets.demo.tenant import words
from immuta_assets.demo.tenant.catalog import Object
from immuta_assets.demo.tenant.draw import format_moment
from immuta_assets.demo.tenant.policies import MARKETPLACE_ID, MARKETPLACE_TAG
from immuta_assets.demo.tenant.policy_forms import (
    GRANT,
    GUARDRAIL,
    PolicyDraft,
    admit_anyone,
    admit_approved,
    admit_by_expression,
    admit_entitled,
    match_tag,
    require_attribute,
    require_group,
)


def format_user_id(profile_id: int) -> str:
    """Return the global user id of a planted user."""
    return f"00000000-0000-4000-8000-{profile_id:012d}"


OWNER, MEMBER, TRAINED, REVIEWER, MANUAL, EXPIRED, EXPIRING_NOW, TEMPORARY, REQUESTED, LAPSED = range(11, 21)
"""Profile ids of the planted users."""
CONFLICT, EXPIRATION, PRODUCT, GUARDED, UNPARSABLE = range(11, 16)
"""Data source ids of the planted tables."""
ANYONE_POLICY, ASK_POLICY, GROUP_POLICY, GUARDED_GRANT, GUARDRAIL_POLICY, BROKEN_POLICY, REVIEWER_POLICY = range(11, 18)
"""Ids of the planted policies."""
MEMBERS_GROUP, REVIEWERS_GROUP = 11, 12
EMPTY_DOMAIN = "00000000-0000-4000-8000-d00000000011"
PRODUCT_ID = "00000000-0000-4000-8000-b00000000011"
APPROVED_REQUEST = "00000000-0000-4000-8000-a00000000011"
LAPSED_REQUEST = "00000000-0000-4000-8000-a00000000012"


class ExpectedRow(NamedTuple):
    """A row of policy-outcomes, scope READ, that a story expects; the row may name further guardrails."""

    profile_id: int
    data_source_id: int
    source: Literal["POLICY", "MANUAL"]
    policy_ids: frozenset[int] = frozenset()

    @property
    def global_user_id(self) -> str:
        """The user, as the export names them."""
        return format_user_id(self.profile_id)


class Story(NamedTuple):
    """What is planted, and its answer: the rows of the planted users on the story's data source, and no others."""

    name: str
    planted: str
    answer: str
    data_source_id: int | None
    rows: tuple[ExpectedRow, ...] = ()
    policy_ids: tuple[int, ...] = ()


STORIES = (
    Story(
        name="policy conflict",
        planted="Policies 11 (anyone) and 12 (approval) both apply to data source 11; so does policy 13, for a group.",
        answer="Nobody has access to data source 11 by policy; the owner and the manual member keep theirs.",
        data_source_id=CONFLICT,
        rows=(ExpectedRow(OWNER, CONFLICT, "MANUAL"), ExpectedRow(MANUAL, CONFLICT, "MANUAL")),
        policy_ids=(ANYONE_POLICY, ASK_POLICY),
    ),
    Story(
        name="expired manual member",
        planted="Three manual members of data source 12: one expired yesterday, one at the very moment of the dump, "
        "one expires in 30 days.",
        answer="Of the three, only the last one has a row, beside the owner.",
        data_source_id=EXPIRATION,
        rows=(ExpectedRow(OWNER, EXPIRATION, "MANUAL"), ExpectedRow(TEMPORARY, EXPIRATION, "MANUAL")),
    ),
    Story(
        name="approved but expired request",
        planted="Two approved requests for the data product of data source 13; one expired ten days ago, and its user "
        "has lost the attribute.",
        answer="Only the user of the other request has access, through the policy of the Request app; the expired "
        "request is still exported as APPROVED with an expiration_date before export_date.",
        data_source_id=PRODUCT,
        rows=(
            ExpectedRow(OWNER, PRODUCT, "MANUAL"),
            ExpectedRow(REQUESTED, PRODUCT, "POLICY", frozenset({MARKETPLACE_ID})),
        ),
        policy_ids=(MARKETPLACE_ID,),
    ),
    Story(
        name="guardrail",
        planted="Policy 14 lets two members of a group into data source 14; guardrail 15 asks for a training that one "
        "of them and a manual member lack.",
        answer="Only the trained member of the group has access by policy; the manual member has none.",
        data_source_id=GUARDED,
        rows=(
            ExpectedRow(OWNER, GUARDED, "MANUAL"),
            ExpectedRow(TRAINED, GUARDED, "POLICY", frozenset({GUARDED_GRANT, GUARDRAIL_POLICY})),
        ),
        policy_ids=(GUARDED_GRANT, GUARDRAIL_POLICY),
    ),
    Story(
        name="unparsable policy",
        planted="Policy 16 on data source 15 lacks a parenthesis; policy 17 beside it lets reviewers in.",
        answer="Policy 16 is reported and lets nobody in; policy 17 works as if alone.",
        data_source_id=UNPARSABLE,
        rows=(
            ExpectedRow(OWNER, UNPARSABLE, "MANUAL"),
            ExpectedRow(REVIEWER, UNPARSABLE, "POLICY", frozenset({REVIEWER_POLICY})),
        ),
        policy_ids=(BROKEN_POLICY,),
    ),
    Story(
        name="empty domain",
        planted=f"Domain {EMPTY_DOMAIN} has no data source and nobody with a permission in it.",
        answer="One row in domain-metadata, with data_source_id and privileged_user null and no permissions.",
        data_source_id=None,
    ),
)
"""Every story, in the order of the data sources."""


def write_objects(at: datetime) -> Mapping[str, Iterable[Object]]:
    """Make the planted API objects, by collection; dates derive from ``at``."""
    since = format_moment(at - timedelta(days=3 * 365))
    return {
        "users": [_write_user(profile_id, name, since) for profile_id, name in _NAMES.items()],
        "groups": [_write_group(MEMBERS_GROUP, "Planted Members"), _write_group(REVIEWERS_GROUP, "Planted Reviewers")],
        "group_members": [
            _write_membership(MEMBERS_GROUP, MEMBER),
            _write_membership(MEMBERS_GROUP, TRAINED),
            _write_membership(REVIEWERS_GROUP, REVIEWER),
        ],
        "data_sources": [_write_data_source(number, name, since) for number, name in _TABLES.items()],
        "columns": [_write_dictionary(number) for number in _TABLES],
        "data_source_members": _write_members(at, since),
        "policies": [
            draft.write(number, createdBy=OWNER, createdByName=_NAMES[OWNER], createdAt=since)
            for number, draft in _draft_policies().items()
        ],
        "domains": [{"id": EMPTY_DOMAIN, "type": "domain", "name": "Planted: an empty domain", "createdBy": OWNER}],
        **_write_request_app(at),
    }


_NAMES = {
    OWNER: "Olga O'Wner",
    MEMBER: "Mia Member",
    TRAINED: "Théo Trained",
    REVIEWER: "Rita Reviewer",
    MANUAL: "Manu Manual",
    EXPIRED: "Eva Expired",
    EXPIRING_NOW: "Edgar Expiring-Now",
    TEMPORARY: "Tim Temporary",
    REQUESTED: "René Requested",
    LAPSED: "Lara Lapsed",
}
_TABLES = {
    CONFLICT: "CONFLICT",
    EXPIRATION: "EXPIRATION",
    PRODUCT: "PRODUCT",
    GUARDED: "GUARDED",
    UNPARSABLE: "UNPARSABLE",
}


PRODUCT_TAG = f"{MARKETPLACE_TAG}.{PRODUCT_ID}"


def list_planted_tags() -> list[str]:
    """Return the tags of the planted tables, in their order."""
    return [_name_tag(data_source_id) for data_source_id in _TABLES]


def _name_tag(data_source_id: int) -> str:
    return PRODUCT_TAG if data_source_id == PRODUCT else f"Planted.{_TABLES[data_source_id].title()}"


def _write_user(profile_id: int, name: str, since: str) -> Object:
    attributes = {
        TRAINED: {"Planted Training": ["Done"]},
        REQUESTED: {"Immuta Marketplace": [PRODUCT_TAG]},
    }
    local = name.rpartition(" ")[2].replace("'", "").lower()
    login = f"planted.{local}@{words.MAIL}"
    return {
        "iamid": "bim",
        "userid": login,
        "globalUserId": format_user_id(profile_id),
        "profile": {
            "id": profile_id,
            "name": name,
            "email": login,
            "externalUserIds": {"snowflakeUser": login.upper(), "databricksUser": login},
        },
        "authorizations": attributes.get(profile_id, {}),
        "createdAt": since,
    }


def _write_group(group_id: int, name: str) -> Object:
    return {"id": group_id, "iamid": "bim", "name": name}


def _write_membership(group_id: int, profile_id: int) -> Object:
    return {"group": group_id, "profile": {"id": profile_id}}


def _write_data_source(data_source_id: int, name: str, since: str) -> Object:
    source, context = ("marketplace", "marketplace") if data_source_id == PRODUCT else ("curated", "manual")
    return {
        "id": data_source_id,
        "name": f"PLANTED_STORIES.ANSWERS_KNOWN.{name}",
        "description": STORIES[data_source_id - CONFLICT].planted,
        "blobHandlerType": "Snowflake",
        "connectionString": "alderbrook-lab.snowflake.example:443",
        "hostname": "alderbrook-lab.snowflake.example",
        "database": "PLANTED_STORIES",
        "remoteSchema": "ANSWERS_KNOWN",
        "remoteTable": name,
        "dataSourceType": "TABLE",
        "status": "passed",
        "tags": [{"name": _name_tag(data_source_id), "source": source, "context": context, "addedOn": since}],
        "createdAt": since,
        "createdBy": OWNER,
    }


def _write_dictionary(data_source_id: int) -> Object:
    types = {"ID": ("integer", "NUMBER(38,0)"), "NAME": ("text", "VARCHAR(100)"), "NOTE": ("text", "VARCHAR(1000)")}
    metadata = [{"name": name, "dataType": kind, "remoteType": remote} for name, (kind, remote) in types.items()]
    return {"dataSource": data_source_id, "metadata": metadata}


def _write_members(at: datetime, since: str) -> Iterable[Object]:
    ends = {EXPIRED: at - timedelta(days=1), EXPIRING_NOW: at, TEMPORARY: at + timedelta(days=30)}
    by_hand = {"state": "subscribed", "policy": False, "approved": True, "createdAt": since}
    for number in _TABLES:
        yield {"dataSource": number, "profile": OWNER} | by_hand | {"state": "owner"}
    yield {"dataSource": CONFLICT, "profile": MANUAL} | by_hand
    yield {"dataSource": GUARDED, "profile": MANUAL} | by_hand
    for profile_id, end in ends.items():
        yield {"dataSource": EXPIRATION, "profile": profile_id, "expiration": format_moment(end)} | by_hand


def _draft_policies() -> dict[int, PolicyDraft]:
    members, reviewers = (
        admit_entitled("or", require_group("Planted Members"), **GRANT),
        admit_entitled("or", require_group("Planted Reviewers"), **GRANT),
    )
    trained = admit_entitled("and", require_attribute("Planted Training", "Done"), **GUARDRAIL)
    broken = admit_by_expression("@isInGroups('Planted Members' AND @hasAttribute('Planted Training','Done')", **GRANT)
    conflict, guarded, unparsable = ([match_tag(f"Planted.{name}")] for name in ("Conflict", "Guarded", "Unparsable"))
    return {
        ANYONE_POLICY: PolicyDraft("Planted: anyone", admit_anyone(**GRANT), conflict),
        ASK_POLICY: PolicyDraft("Planted: anyone who asks", admit_approved(**GRANT), conflict),
        GROUP_POLICY: PolicyDraft("Planted: members, beside a conflict", members, conflict),
        GUARDED_GRANT: PolicyDraft("Planted: members, behind a guardrail", members, guarded),
        GUARDRAIL_POLICY: PolicyDraft("Planted: only the trained", trained, guarded),
        BROKEN_POLICY: PolicyDraft("Planted: a parenthesis is missing", broken, unparsable),
        REVIEWER_POLICY: PolicyDraft("Planted: reviewers, beside an unparsable policy", reviewers, unparsable),
    }


def _write_request_app(at: datetime) -> dict[str, list[Object]]:
    return {
        "data_products": [
            {
                "id": PRODUCT_ID,
                "name": "Planted: a product",
                "createdBy": {"globalUserId": format_user_id(OWNER)},
                "assets": [{"dataSourceId": PRODUCT}],
            }
        ],
        "access_requests": [
            _write_request(APPROVED_REQUEST, REQUESTED, at - timedelta(days=20), at + timedelta(days=100)),
            _write_request(LAPSED_REQUEST, LAPSED, at - timedelta(days=100), at - timedelta(days=10)),
        ],
        "approval_records": [
            _write_record(APPROVED_REQUEST, at - timedelta(days=19)),
            _write_record(LAPSED_REQUEST, at - timedelta(days=99)),
        ],
        "access_agreements": [
            {"id": "planted-agreement", "dataAccessRequestId": APPROVED_REQUEST, "name": "Internal Use Only"}
        ],
    }


def _write_request(request_id: str, profile_id: int, asked: datetime, expires: datetime) -> Object:
    return {
        "id": request_id,
        "requestingUser": {"globalUserId": format_user_id(profile_id)},
        "user": {"globalUserId": format_user_id(profile_id)},
        "status": "APPROVED",
        "form": {"id": "form-1", "responses": {"Why do you need access?": "A planted story"}},
        "expiration": format_moment(expires),
        "createdAt": format_moment(asked),
        "updatedAt": format_moment(asked + timedelta(days=1)),
        "dataProduct": {"id": PRODUCT_ID},
    }


def _write_record(request_id: str, decided: datetime) -> Object:
    return {
        "id": request_id.replace("-a", "-c"),
        "dataAccessRequestId": request_id,
        "approvers": [{"type": "USER", "id": OWNER, "displayName": _NAMES[OWNER]}],
        "actionBy": {"globalUserId": format_user_id(OWNER)},
        "reviewerSource": "DATA_PRODUCT_OWNER",
        "status": "APPROVED",
        "reason": "Planted.",
        "updatedAt": format_moment(decided),
    }
