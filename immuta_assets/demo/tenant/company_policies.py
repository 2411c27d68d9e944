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
    Draft,
    Setting,
    advanced,
    anyone,
    approved,
    attribute,
    columns_named,
    columns_tagged,
    created,
    entitled,
    group,
    in_domain,
    located,
    named,
    selected,
    tagged,
)


def drafts(setting: Setting) -> Iterator[Draft]:
    """Yield the company's policies, always the same ones in the same order."""
    yield from _everywhere()
    yield from _by_access_model()
    yield from _by_sensitivity()
    yield from _by_combination()
    yield from _by_tags_of_users()
    yield from _by_variables(setting)
    yield from _by_place(setting)
    yield from _by_owner(setting.owner)
    yield from _out_of_use(setting)


def _everywhere() -> Iterator[Draft]:
    yield Draft(
        "No access while leaving the company",
        advanced("NOT @hasAttribute('Employment Status','Offboarding')", **GUARDRAIL),
        EVERYWHERE,
    )
    yield Draft(
        "Writers know how to handle data",
        advanced(
            "@hasAttribute('Training','Data Steward Basics') OR @isInGroups('Dept Platform Engineering')",
            **GUARDRAIL,
            **WRITE,
        ),
        [],
    )
    yield Draft("Internal Audit reads everything", entitled("or", group("Internal Audit"), **GRANT), EVERYWHERE)


def _by_access_model() -> Iterator[Draft]:
    model = "Access Model."
    yield Draft("Open data", anyone(**GRANT), [tagged(f"{model}Open")])
    yield Draft("Self service", anyone(**GRANT) | {"automaticSubscription": False}, [tagged(f"{model}Self Service")])
    yield Draft(
        "Ask the data owner",
        approved(allowDiscovery=True, description="Tell the owner what you need the data for.", **GRANT),
        [tagged(f"{model}On Request")],
    )
    yield Draft("By invitation", selected(**GRANT), [tagged(f"{model}By Invitation")])
    yield Draft("Write on request", approved(**GRANT, **WRITE), [tagged(f"{model}On Request")])


def _by_sensitivity() -> Iterator[Draft]:
    yield Draft(
        "Sensitive data needs clearance",
        entitled("or", attribute("Clearance", "Confidential"), attribute("Clearance", "Restricted"), **GUARDRAIL),
        [tagged("Sensitivity.High"), tagged("Sensitivity.Critical")],
    )
    yield Draft(
        "Critical data stays in the company",
        entitled("and", attribute("Clearance", "Restricted"), group("All Employees"), **GUARDRAIL),
        [tagged("Sensitivity.Critical")],
    )
    yield Draft(
        "Identity documents need privacy training",
        advanced("@hasAttribute('Training','Privacy Essentials')") | {"shareResponsibility": False},
        [columns_named(r"passport|\bssn\b")],
    )


def _by_combination() -> Iterator[Draft]:
    yield Draft(
        "Health data is for research",
        advanced("@isInGroups('Division Research','Collaboration Suite') AND NOT @hasAttribute('Region','APAC')"),
        [columns_tagged("Health"), columns_tagged("Discovered.PHI")],
    )
    yield Draft(
        "Card data in Europe",
        advanced(
            "(@hasAttribute('Region','EMEA') OR @hasAttribute('Scope','eu.finance.payments'))"
            " AND NOT (@isInGroups('VPN Users') AND @hasAttribute('Clearance','Public')"
            " AND NOT @hasAttribute('Clearance','Internal'))",
            **GRANT,
        ),
        [tagged("Residency.EU"), columns_tagged("Financial.Card Number", "and"), tagged("Sensitivity.Low", "or")],
    )
    yield Draft(
        "Reviewers of odd cases",
        advanced(r"@isInGroups('O''Brien\'s reviewers') or @isInGroups('Projekt \"Übersee\"','数据治理')", **GRANT),
        [tagged("O'Brien review"), tagged('Quality."Gold" standard'), tagged("分类.机密")],
    )


def _by_tags_of_users() -> Iterator[Draft]:
    yield Draft(
        "Data domain of the user",
        advanced("@hasTagAsAttribute('Data Domain', 'dataSource')", **GRANT),
        [tagged("Domain")],
    )
    yield Draft(
        "Groups named like a data domain", advanced("@hasTagAsGroup('dataSource')", **GRANT), [tagged("Domain")]
    )
    yield Draft(
        "Approved data classes",
        advanced(
            "@hasTagsAsAttribute('Approved Data Classes', 'column') AND @hasAttribute('Training','Privacy Essentials')"
        ),
        [columns_tagged("PII", "and"), tagged("Layer.Gold", "and")],
    )


def _by_variables(setting: Setting) -> Iterator[Draft]:
    yield Draft(
        "Hosts and databases of the user",
        advanced("@hasAttribute('Data Access', '@hostname.@database')", **GRANT),
        [tagged("Layer.Curated"), tagged("Layer.Gold")],
    )
    yield Draft(
        "Tables of the user",
        advanced("@hasAttribute('Schema Access', '@database.@schema.@table')", **GRANT),
        [tagged("Layer")],
    )
    database = setting.databases[0].name
    yield Draft(
        f"Readers of {database}",
        advanced("@isInGroups('sg-@database-readers')", **GRANT),
        [located("database", database)],
    )
    yield Draft(
        "Payments in scope",
        entitled("or", attribute("Scope", "us.finance.payments"), attribute("Scope", "eu.finance.payments")),
        [tagged("Domain.Finance.Payments")],
    )


def _by_place(setting: Setting) -> Iterator[Draft]:
    yield Draft(
        "Daily aggregates for analysts",
        entitled("or", group("Data Analysts"), group("BI Developers"), **GRANT),
        [named(r"(?i)_daily$")],
    )
    yield Draft("Payment schemas", entitled("or", group("Dept Treasury")), [located("schema", "PAYMENTS")])
    yield Draft(
        "Operational databases",
        entitled("and", group("Dept IT Service"), attribute("Clearance", "Internal"), **GRANT),
        [located("connection", "pg-apps.alderbrook.example:5432")],
    )
    yield Draft(
        "Legal in its own domain",
        entitled("or", group("Dept Legal"), group("Legal Hold Team"), **GRANT),
        [in_domain(setting.domain_ids["Legal"])],
    )
    yield Draft(
        "Migrated two years ago",
        entitled("or", group("Data Engineers"), **GRANT),
        [created(setting.days_ago(730), setting.days_ago(550))],
    )
    yield Draft("New arrivals", entitled("or", group("Data Stewards"), **GRANT), [created(setting.days_ago(45), None)])
    yield Draft(
        "Engineers write raw data",
        entitled("and", group("Data Engineers"), attribute("Clearance", "Internal"), **GRANT, **WRITE),
        [tagged("Layer.Raw")],
    )
    yield Draft("Applied by data owners", entitled("or", group("People Managers"), **GRANT), None)


def _by_owner(owner: Person) -> Iterator[Draft]:
    yield Draft(
        f"Tables of {owner.name}",
        entitled("or", group(f"Dept {owner.seat.department}"), **GRANT) | {"automaticSubscription": False},
        EVERYWHERE,
        {"ownerRestrictions": {"users": [{"iamid": owner.iam, "username": owner.userid}], "groups": []}},
    )
    yield Draft(
        "Tables of the data stewards",
        entitled("or", group("Model Validators"), shareResponsibility=True),
        [tagged("Layer.Raw")],
        {"ownerRestrictions": {"users": [], "groups": ["Data Stewards"]}},
    )


def _out_of_use(setting: Setting) -> Iterator[Draft]:
    yield Draft("Open everything (draft)", anyone(**GRANT), EVERYWHERE, {"staged": True})
    yield Draft(
        "Old rule for tax data", entitled("or", group("Dept Tax")), [tagged("Domain.Finance.Tax")], {"deleted": True}
    )
    masking: Object = {
        "type": "masking",
        "rules": [{"type": "Masking", "config": {"maskingConfig": {"type": "Consistent Value"}}}],
    }
    yield Draft("Mask personal data", masking, [columns_tagged("PII")], {"type": "data"})
    rows: Object = {"type": "rowOrObjectRestriction", "description": "Only rows of the user's own region."}
    yield Draft("Rows of the own region", rows, [in_domain(setting.domain_ids["Sales"])], {"type": "data"})
