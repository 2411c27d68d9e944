"""The policies of single departments, domains and databases: a few forms, repeated until a preset's number is reached.

Add a form here, and to ``_FORMS``, to give large demos more of it; about a fifth of the policies use tag functions.
None of them is open to anyone, or they would conflict with those of the company.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from immuta_assets.demo.tenant import words
from immuta_assets.demo.tenant.draw import chance
from immuta_assets.demo.tenant.policy_forms import (
    GRANT,
    GUARDRAIL,
    WRITE,
    PolicyDraft,
    Setting,
    admit_by_expression,
    admit_entitled,
    match_column_tag,
    match_domain,
    match_place,
    match_tag,
    require_attribute,
    require_group,
)


def draw_drafts(rng: random.Random, count: int, setting: Setting) -> Iterator[PolicyDraft]:
    """Draw policies: the forms in turn, over all subdomains in random order again and again."""
    tags: list[str] = []
    for number in range(count):
        tags = tags or rng.sample(words.list_domain_tags(), len(words.list_domain_tags()))
        yield _FORMS[number % len(_FORMS)](rng, tags.pop(), setting)


def _format_title(tag: str) -> str:
    return " ".join(tag.split(".")[1:])


def _find_parent(tag: str) -> str:
    return tag.rpartition(".")[0]


def _draw_team(rng: random.Random, tag: str) -> str:
    """Draw a department, mostly one that works with the domain of the tag."""
    domain = tag.split(".")[1]
    home = [department for department, works_with in words.DEPARTMENTS.items() if works_with == domain]
    return rng.choice(home if home and chance(rng, 0.7) else list(words.DEPARTMENTS))


def _draft_department(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    team, role = _draw_team(rng, tag), rng.choice(tuple(words.ROLES)[:6])
    return PolicyDraft(
        f"{team} and {role} read {_format_title(tag)}",
        admit_entitled("or", require_group(f"Dept {team}"), require_group(role), **GRANT),
        [match_tag(tag)],
    )


def _draft_region(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    region, clearance = rng.choice(("EMEA", "AMER", "APAC")), rng.choice(words.CLEARANCES[1:])
    return PolicyDraft(
        f"{region} reads {_format_title(tag)} with clearance {clearance}",
        admit_by_expression(
            f"@hasAttribute('Region','{region}') AND @hasAttribute('Clearance','{clearance}')", **GRANT
        ),
        [match_tag(tag)],
    )


def _draft_division(rng: random.Random, tag: str, setting: Setting) -> PolicyDraft:
    division, domain = rng.choice(tuple(words.DIVISIONS)), tag.split(".")[1]
    return PolicyDraft(
        f"{division} reads finished {domain} data",
        admit_by_expression(
            f"@hasAttribute('Division','{division}') AND (@hasAttribute('Clearance','Confidential')"
            " OR @isInGroups('Data Analysts'))",
            **GRANT,
        ),
        [match_domain(setting.domain_ids[domain]), match_tag("Layer.Gold", "and")],
    )


def _draft_domain_of_user(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    region = rng.choice(("EMEA", "AMER", "APAC"))
    return PolicyDraft(
        f"{region} by data domain: {_format_title(tag)}",
        admit_by_expression(
            f"@hasTagAsAttribute('Data Domain','dataSource') AND @hasAttribute('Region','{region}')", **GRANT
        ),
        [match_tag(_find_parent(tag))],
    )


def _draft_groups_of_user(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    clearance = rng.choice(words.CLEARANCES[1:])
    return PolicyDraft(
        f"Domain groups with clearance {clearance}: {_format_title(tag)}",
        admit_by_expression(f"@hasTagAsGroup('dataSource') AND @hasAttribute('Clearance','{clearance}')", **GRANT),
        [match_tag(tag)],
    )


def _draft_classes_of_user(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    team = _draw_team(rng, tag)
    return PolicyDraft(
        f"Approved classes for {team} in {_format_title(tag)}",
        admit_by_expression(
            f"@hasTagAsAttribute('Approved Data Classes','column') AND @isInGroups('Dept {team}')", **GRANT
        ),
        [match_tag(tag), match_column_tag("PII", "and")],
    )


def _draft_tag_guardrail(_rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    return PolicyDraft(
        f"Critical {_format_title(tag)} within the data domain",
        admit_by_expression(
            "@hasTagAsAttribute('Data Domain','dataSource') OR @isInGroups('Internal Audit')", **GUARDRAIL
        ),
        [match_tag(tag), match_tag("Sensitivity.Critical", "and")],
    )


def _draft_guardrail(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    course = rng.choice(words.TRAININGS[:2])
    return PolicyDraft(
        f"{_format_title(tag)} needs {course}",
        admit_by_expression(
            f"@hasAttribute('Training','{course}') OR @hasAttribute('Clearance','Confidential')", **GUARDRAIL
        ),
        [match_tag(tag), match_column_tag("PII", "and")],
    )


def _draft_legacy_guardrail(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    return PolicyDraft(
        f"Sensitive {_format_title(tag)} for insiders",
        admit_entitled(
            "or", require_group("All Employees"), require_attribute("Clearance", rng.choice(words.CLEARANCES[2:]))
        )
        | {"shareResponsibility": False},
        [match_tag(tag), match_tag("Sensitivity.High", "and")],
    )


def _draft_database_readers(rng: random.Random, _tag: str, setting: Setting) -> PolicyDraft:
    database = rng.choice(setting.databases)
    return PolicyDraft(
        f"Readers and analysts of {database.name}",
        admit_by_expression("@isInGroups('sg-@database-readers') OR @isInGroups('Data Analysts')", **GRANT),
        [match_place("database", database.name)],
    )


def _draft_schema_steward(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    schema, team = tag.split(".")[2].replace(" ", "_"), _draw_team(rng, tag)
    return PolicyDraft(
        f"{team} in schema {schema.upper()}",
        admit_entitled(
            "and", require_group(f"Dept {team}"), require_attribute("Clearance", "Internal"), shareResponsibility=True
        ),
        [match_place("schema", schema.upper()), match_place("schema", schema.lower())],
    )


def _draft_writers(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    team = _draw_team(rng, tag)
    return PolicyDraft(
        f"{team} writes {_format_title(tag)}",
        admit_entitled("and", require_group(f"Dept {team}"), require_group("Data Engineers"), **GRANT, **WRITE),
        [match_tag(tag), match_tag("Layer.Raw", "and")],
    )


def _draft_exception(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    codename = rng.choice(words.CODENAMES).title()
    return PolicyDraft(
        f"Exception {codename} for {_format_title(tag)}",
        admit_by_expression(f"@hasAttribute('Exception {codename}','EXC-{rng.randint(10_001, 10_020)}')", **GRANT),
        [match_tag(tag)],
    )


def _draft_data_policy(rng: random.Random, tag: str, _: Setting) -> PolicyDraft:
    column_tag = rng.choice(("PII.Email", "PII.SSN", "PII.Phone", "Financial.IBAN", "Health"))
    return PolicyDraft(
        f"Mask {column_tag} in {_format_title(tag)}",
        {"type": "masking", "rules": []},
        [match_tag(tag), match_column_tag(column_tag, "and")],
        {"type": "data"},
    )


_FORMS: tuple[Callable[[random.Random, str, Setting], PolicyDraft], ...] = (
    _draft_department,
    _draft_region,
    _draft_domain_of_user,
    _draft_division,
    _draft_department,
    _draft_groups_of_user,
    _draft_guardrail,
    _draft_schema_steward,
    _draft_region,
    _draft_classes_of_user,
    _draft_database_readers,
    _draft_department,
    _draft_writers,
    _draft_domain_of_user,
    _draft_division,
    _draft_legacy_guardrail,
    _draft_region,
    _draft_tag_guardrail,
    _draft_exception,
    _draft_data_policy,
)
