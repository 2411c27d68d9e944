"""The policies of the whole company: every documented form once, in every demo.

Levels that leave the choice to people (anyone, approval, individual) apply to one tag of ``Access Model`` each, and a
table has at most one of these, so no two of them conflict. Add a policy here to show a form that no other policy shows.
"""

from __future__ import annotations

from collections.abc import Iterator

from immuta_assets.demo.tenant.catalog import Object
from immuta_assets.demo.tenant.people import Person
from immuta_assets.demo.tenant.policy_forms import (
    EVERYWHERE,
    GRANT,
    GUARDRAIL,
    WRITE,
    PolicyDraft,
    Setting,
    admit_anyone,
    admit_approved,
    admit_by_expression,
    admit_entitled,
    admit_selected,
    match_column_name,
    match_column_tag,
    match_created,
    match_domain,
    match_name,
    match_place,
    match_tag,
    require_attribute,
    require_group,
)


def list_drafts(setting: Setting) -> Iterator[PolicyDraft]:
    """Yield the company's policies, always the same ones in the same order."""
    yield from _draft_everywhere()
    yield from _draft_by_access_model()
    yield from _draft_by_sensitivity()
    yield from _draft_by_combination()
    yield from _draft_by_tags_of_users()
    yield from _draft_by_variables(setting)
    yield from _draft_by_place(setting)
    yield from _draft_by_time(setting)
    yield from _draft_by_owner(setting.owner)
    yield from _draft_out_of_use(setting)


def _draft_everywhere() -> Iterator[PolicyDraft]:
    yield PolicyDraft(
        "No access while leaving the company",
        admit_by_expression("NOT @hasAttribute('Employment Status','Offboarding')", **GUARDRAIL),
        EVERYWHERE,
    )
    yield PolicyDraft(
        "Writers know how to handle data",
        admit_by_expression(
            "@hasAttribute('Training','Data Steward Basics') OR @isInGroups('Dept Platform Engineering')",
            **GUARDRAIL,
            **WRITE,
        ),
        [],
    )
    yield PolicyDraft(
        "Internal Audit reads everything", admit_entitled("or", require_group("Internal Audit"), **GRANT), EVERYWHERE
    )


def _draft_by_access_model() -> Iterator[PolicyDraft]:
    model = "Access Model."
    yield PolicyDraft("Open data", admit_anyone(**GRANT), [match_tag(f"{model}Open")])
    yield PolicyDraft(
        "Self service", admit_anyone(**GRANT) | {"automaticSubscription": False}, [match_tag(f"{model}Self Service")]
    )
    yield PolicyDraft(
        "Ask the data owner",
        admit_approved(allowDiscovery=True, description="Tell the owner what you need the data for.", **GRANT),
        [match_tag(f"{model}On Request")],
    )
    yield PolicyDraft("By invitation", admit_selected(**GRANT), [match_tag(f"{model}By Invitation")])
    yield PolicyDraft("Write on request", admit_approved(**GRANT, **WRITE), [match_tag(f"{model}On Request")])


def _draft_by_sensitivity() -> Iterator[PolicyDraft]:
    yield PolicyDraft(
        "Sensitive data needs clearance",
        admit_entitled(
            "or",
            require_attribute("Clearance", "Confidential"),
            require_attribute("Clearance", "Restricted"),
            **GUARDRAIL,
        ),
        [match_tag("Sensitivity.High"), match_tag("Sensitivity.Critical")],
    )
    yield PolicyDraft(
        "Critical data stays in the company",
        admit_entitled(
            "and", require_attribute("Clearance", "Restricted"), require_group("All Employees"), **GUARDRAIL
        ),
        [match_tag("Sensitivity.Critical")],
    )
    yield PolicyDraft(
        "Identity documents need privacy training",
        admit_by_expression("@hasAttribute('Training','Privacy Essentials')") | {"shareResponsibility": False},
        [match_column_name(r"passport|\bssn\b")],
    )


def _draft_by_combination() -> Iterator[PolicyDraft]:
    yield PolicyDraft(
        "Health data is for research",
        admit_by_expression(
            "@isInGroups('Division Research','Collaboration Suite') AND NOT @hasAttribute('Region','APAC')"
        ),
        [match_column_tag("Health"), match_column_tag("Discovered.PHI")],
    )
    yield PolicyDraft(
        "Card data in Europe",
        admit_by_expression(
            "(@hasAttribute('Region','EMEA') OR @hasAttribute('Scope','eu.finance.payments'))"
            " AND NOT (@isInGroups('VPN Users') AND @hasAttribute('Clearance','Public')"
            " AND NOT @hasAttribute('Clearance','Internal'))",
            **GRANT,
        ),
        [
            match_tag("Residency.EU"),
            match_column_tag("Financial.Card Number", "and"),
            match_tag("Sensitivity.Low", "or"),
        ],
    )
    yield PolicyDraft(
        "Reviewers of odd cases",
        admit_by_expression(
            r"@isInGroups('O''Brien\'s reviewers') or @isInGroups('Projekt \"Übersee\"','数据治理')", **GRANT
        ),
        [match_tag("O'Brien review"), match_tag('Quality."Gold" standard'), match_tag("分类.机密")],
    )


def _draft_by_tags_of_users() -> Iterator[PolicyDraft]:
    yield PolicyDraft(
        "Data domain of the user",
        admit_by_expression("@hasTagAsAttribute('Data Domain', 'dataSource')", **GRANT),
        [match_tag("Domain")],
    )
    yield PolicyDraft(
        "Groups named like a data domain",
        admit_by_expression("@hasTagAsGroup('dataSource')", **GRANT),
        [match_tag("Domain")],
    )
    yield PolicyDraft(
        "Approved data classes",
        admit_by_expression(
            "@hasTagsAsAttribute('Approved Data Classes', 'column') AND @hasAttribute('Training','Privacy Essentials')"
        ),
        [match_column_tag("PII", "and"), match_tag("Layer.Gold", "and")],
    )


def _draft_by_variables(setting: Setting) -> Iterator[PolicyDraft]:
    yield PolicyDraft(
        "Hosts and databases of the user",
        admit_by_expression("@hasAttribute('Data Access', '@hostname.@database')", **GRANT),
        [match_tag("Layer.Curated"), match_tag("Layer.Gold")],
    )
    yield PolicyDraft(
        "Tables of the user",
        admit_by_expression("@hasAttribute('Schema Access', '@database.@schema.@table')", **GRANT),
        [match_tag("Layer")],
    )
    database = setting.databases[0].name
    yield PolicyDraft(
        f"Readers of {database}",
        admit_by_expression("@isInGroups('sg-@database-readers')", **GRANT),
        [match_place("database", database)],
    )
    yield PolicyDraft(
        "Payments in scope",
        admit_entitled(
            "or", require_attribute("Scope", "us.finance.payments"), require_attribute("Scope", "eu.finance.payments")
        ),
        [match_tag("Domain.Finance.Payments")],
    )


def _draft_by_place(setting: Setting) -> Iterator[PolicyDraft]:
    yield PolicyDraft(
        "Daily aggregates for analysts",
        admit_entitled("or", require_group("Data Analysts"), require_group("BI Developers"), **GRANT),
        [match_name(r"(?i)_daily$")],
    )
    yield PolicyDraft(
        "Payment schemas", admit_entitled("or", require_group("Dept Treasury")), [match_place("schema", "PAYMENTS")]
    )
    yield PolicyDraft(
        "Operational databases",
        admit_entitled("and", require_group("Dept IT Service"), require_attribute("Clearance", "Internal"), **GRANT),
        [match_place("connection", "pg-apps.alderbrook.example:5432")],
    )
    yield PolicyDraft(
        "Legal in its own domain",
        admit_entitled("or", require_group("Dept Legal"), require_group("Legal Hold Team"), **GRANT),
        [match_domain(setting.domain_ids["Legal"])],
    )


def _draft_by_time(setting: Setting) -> Iterator[PolicyDraft]:
    yield PolicyDraft(
        "Migrated two years ago",
        admit_entitled("or", require_group("Data Engineers"), **GRANT),
        [match_created(setting.format_days_ago(730), setting.format_days_ago(550))],
    )
    yield PolicyDraft(
        "New arrivals",
        admit_entitled("or", require_group("Data Stewards"), **GRANT),
        [match_created(setting.format_days_ago(45), None)],
    )
    yield PolicyDraft(
        "Engineers write raw data",
        admit_entitled(
            "and", require_group("Data Engineers"), require_attribute("Clearance", "Internal"), **GRANT, **WRITE
        ),
        [match_tag("Layer.Raw")],
    )
    yield PolicyDraft("Applied by data owners", admit_entitled("or", require_group("People Managers"), **GRANT), None)


def _draft_by_owner(owner: Person) -> Iterator[PolicyDraft]:
    yield PolicyDraft(
        f"Tables of {owner.name}",
        admit_entitled("or", require_group(f"Dept {owner.seat.department}"), **GRANT)
        | {"automaticSubscription": False},
        EVERYWHERE,
        {"ownerRestrictions": {"users": [{"iamid": owner.iam, "username": owner.userid}], "groups": []}},
    )
    yield PolicyDraft(
        "Tables of the data stewards",
        admit_entitled("or", require_group("Model Validators"), shareResponsibility=True),
        [match_tag("Layer.Raw")],
        {"ownerRestrictions": {"users": [], "groups": ["Data Stewards"]}},
    )


def _draft_out_of_use(setting: Setting) -> Iterator[PolicyDraft]:
    yield PolicyDraft("Open everything (draft)", admit_anyone(**GRANT), EVERYWHERE, {"staged": True})
    yield PolicyDraft(
        "Old rule for tax data",
        admit_entitled("or", require_group("Dept Tax")),
        [match_tag("Domain.Finance.Tax")],
        {"deleted": True},
    )
    masking: Object = {
        "type": "masking",
        "rules": [{"type": "Masking", "config": {"maskingConfig": {"type": "Consistent Value"}}}],
    }
    yield PolicyDraft("Mask personal data", masking, [match_column_tag("PII")], {"type": "data"})
    rows: Object = {"type": "rowOrObjectRestriction", "description": "Only rows of the user's own region."}
    yield PolicyDraft("Rows of the own region", rows, [match_domain(setting.domain_ids["Sales"])], {"type": "data"})
