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
    Draft,
    Setting,
    advanced,
    attribute,
    columns_tagged,
    entitled,
    group,
    in_domain,
    located,
    tagged,
)


def drafts(rng: random.Random, count: int, setting: Setting) -> Iterator[Draft]:
    """Draw policies: the forms in turn, over all subdomains in random order again and again."""
    tags: list[str] = []
    for number in range(count):
        tags = tags or rng.sample(words.domain_tags(), len(words.domain_tags()))
        yield _FORMS[number % len(_FORMS)](rng, tags.pop(), setting)


def _title(tag: str) -> str:
    return " ".join(tag.split(".")[1:])


def _parent(tag: str) -> str:
    return tag.rpartition(".")[0]


def _team(rng: random.Random, tag: str) -> str:
    """Draw a department, mostly one that works with the domain of the tag."""
    domain = tag.split(".")[1]
    home = [department for department, works_with in words.DEPARTMENTS.items() if works_with == domain]
    return rng.choice(home if home and chance(rng, 0.7) else list(words.DEPARTMENTS))


def _department_reads(rng: random.Random, tag: str, _: Setting) -> Draft:
    team, role = _team(rng, tag), rng.choice(tuple(words.ROLES)[:6])
    return Draft(
        f"{team} and {role} read {_title(tag)}",
        entitled("or", group(f"Dept {team}"), group(role), **GRANT),
        [tagged(tag)],
    )


def _region_reads(rng: random.Random, tag: str, _: Setting) -> Draft:
    region, clearance = rng.choice(("EMEA", "AMER", "APAC")), rng.choice(words.CLEARANCES[1:])
    return Draft(
        f"{region} reads {_title(tag)} with clearance {clearance}",
        advanced(f"@hasAttribute('Region','{region}') AND @hasAttribute('Clearance','{clearance}')", **GRANT),
        [tagged(tag)],
    )


def _division_reads(rng: random.Random, tag: str, setting: Setting) -> Draft:
    division, domain = rng.choice(tuple(words.DIVISIONS)), tag.split(".")[1]
    return Draft(
        f"{division} reads finished {domain} data",
        advanced(
            f"@hasAttribute('Division','{division}') AND (@hasAttribute('Clearance','Confidential')"
            " OR @isInGroups('Data Analysts'))",
            **GRANT,
        ),
        [in_domain(setting.domain_ids[domain]), tagged("Layer.Gold", "and")],
    )


def _domain_of_user(rng: random.Random, tag: str, _: Setting) -> Draft:
    region = rng.choice(("EMEA", "AMER", "APAC"))
    return Draft(
        f"{region} by data domain: {_title(tag)}",
        advanced(f"@hasTagAsAttribute('Data Domain','dataSource') AND @hasAttribute('Region','{region}')", **GRANT),
        [tagged(_parent(tag))],
    )


def _groups_of_user(rng: random.Random, tag: str, _: Setting) -> Draft:
    clearance = rng.choice(words.CLEARANCES[1:])
    return Draft(
        f"Domain groups with clearance {clearance}: {_title(tag)}",
        advanced(f"@hasTagAsGroup('dataSource') AND @hasAttribute('Clearance','{clearance}')", **GRANT),
        [tagged(tag)],
    )


def _classes_of_user(rng: random.Random, tag: str, _: Setting) -> Draft:
    team = _team(rng, tag)
    return Draft(
        f"Approved classes for {team} in {_title(tag)}",
        advanced(f"@hasTagAsAttribute('Approved Data Classes','column') AND @isInGroups('Dept {team}')", **GRANT),
        [tagged(tag), columns_tagged("PII", "and")],
    )


def _tag_guardrail(_rng: random.Random, tag: str, _: Setting) -> Draft:
    return Draft(
        f"Critical {_title(tag)} within the data domain",
        advanced("@hasTagAsAttribute('Data Domain','dataSource') OR @isInGroups('Internal Audit')", **GUARDRAIL),
        [tagged(tag), tagged("Sensitivity.Critical", "and")],
    )


def _guardrail(rng: random.Random, tag: str, _: Setting) -> Draft:
    course = rng.choice(words.TRAININGS[:2])
    return Draft(
        f"{_title(tag)} needs {course}",
        advanced(f"@hasAttribute('Training','{course}') OR @hasAttribute('Clearance','Confidential')", **GUARDRAIL),
        [tagged(tag), columns_tagged("PII", "and")],
    )


def _legacy_guardrail(rng: random.Random, tag: str, _: Setting) -> Draft:
    return Draft(
        f"Sensitive {_title(tag)} for insiders",
        entitled("or", group("All Employees"), attribute("Clearance", rng.choice(words.CLEARANCES[2:])))
        | {"shareResponsibility": False},
        [tagged(tag), tagged("Sensitivity.High", "and")],
    )


def _database_readers(rng: random.Random, _tag: str, setting: Setting) -> Draft:
    database = rng.choice(setting.databases)
    return Draft(
        f"Readers and analysts of {database.name}",
        advanced("@isInGroups('sg-@database-readers') OR @isInGroups('Data Analysts')", **GRANT),
        [located("database", database.name)],
    )


def _schema_steward(rng: random.Random, tag: str, _: Setting) -> Draft:
    schema, team = tag.split(".")[2].replace(" ", "_"), _team(rng, tag)
    return Draft(
        f"{team} in schema {schema.upper()}",
        entitled("and", group(f"Dept {team}"), attribute("Clearance", "Internal"), shareResponsibility=True),
        [located("schema", schema.upper()), located("schema", schema.lower())],
    )


def _writers(rng: random.Random, tag: str, _: Setting) -> Draft:
    team = _team(rng, tag)
    return Draft(
        f"{team} writes {_title(tag)}",
        entitled("and", group(f"Dept {team}"), group("Data Engineers"), **GRANT, **WRITE),
        [tagged(tag), tagged("Layer.Raw", "and")],
    )


def _exception(rng: random.Random, tag: str, _: Setting) -> Draft:
    codename = rng.choice(words.CODENAMES).title()
    return Draft(
        f"Exception {codename} for {_title(tag)}",
        advanced(f"@hasAttribute('Exception {codename}','EXC-{rng.randint(10_001, 10_020)}')", **GRANT),
        [tagged(tag)],
    )


def _data_policy(rng: random.Random, tag: str, _: Setting) -> Draft:
    column_tag = rng.choice(("PII.Email", "PII.SSN", "PII.Phone", "Financial.IBAN", "Health"))
    return Draft(
        f"Mask {column_tag} in {_title(tag)}",
        {"type": "masking", "rules": []},
        [tagged(tag), columns_tagged(column_tag, "and")],
        {"type": "data"},
    )


_FORMS: tuple[Callable[[random.Random, str, Setting], Draft], ...] = (
    _department_reads,
    _region_reads,
    _domain_of_user,
    _division_reads,
    _department_reads,
    _groups_of_user,
    _guardrail,
    _schema_steward,
    _region_reads,
    _classes_of_user,
    _database_readers,
    _department_reads,
    _writers,
    _domain_of_user,
    _division_reads,
    _legacy_guardrail,
    _region_reads,
    _tag_guardrail,
    _exception,
    _data_policy,
)
