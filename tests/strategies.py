"""Hypothesis strategies: random tenants as raw dump objects, and expression texts, well-formed and broken.

What lives here: strategies that several test modules share. Names come from one small pool per tenant, so that tags,
groups, attributes, values, schemas and databases collide all the time; the pool itself is adversarial. Every feature of
docs/policy_semantics.md is reachable. Expectations do not belong here.
"""

from __future__ import annotations

from operator import or_
from typing import Any, NamedTuple

from hypothesis import strategies as st

JsonObject = dict[str, Any]
RawTenant = dict[str, list[JsonObject]]
Tree = tuple[Any, ...]
"""An expression as ``brute_force`` has it."""

DUMPED_AT = "2026-11-20T05:00:00Z"
MOMENTS = [
    "2026-11-20T05:00:00Z",
    "2026-11-20T06:00:00+01:00",  # the same moment
    "2026-11-20T04:59:59.999999Z",
    "2026-11-20T05:00:00.000001+00:00",
    "2026-11-20T05:30:00+01:00",  # earlier than its digits look
    "2025-01-01T00:00:00Z",
    "2027-01-01T00:00:00-08:00",
]
UNKNOWN = 999

# Names without a variable or a wildcard: what Cedar can be asked about.
PLAIN_NAMES = [
    "us",
    "us.default",
    "us.defaults",
    "us.default.orders",
    "US",
    "Us.Default",
    "",
    " ",
    "O'Brien",
    "''",
    "a\\b",
    "a\\'b",
    "\\",
    'say "hi"',
    "(us) AND (us)",
    "us','us.default",
    "TRUE",
    "dataSource",
    "column",
    "Zoë",
    "Zoe\u0308",
    "客户.订单",
    "line\nbreak\ttab",
    "@hasTagAsGroup('column')",
    "%s {0} $1 \\1",
    "?{}",
]
NAMES = [
    *PLAIN_NAMES,
    "us.*",
    "us.default.*",
    "us*",
    ".*",
    "us.default.*.*",
    "@database",
    "@schema.@table",
    "us.@schema",
    "x@hostname",
    "@databases",
    "@databaseé",
    "@Database",
    "@@database",
    "@schema@table",
]
# Names that are each other's prefix, wildcard, variable or spelling.
FAMILIES = [
    ["us", "us.default"],
    ["us", "US"],
    ["us.default", "Us.Default", "us.default.orders"],
    ["us.default.*", "us.default", "us.defaults"],
    ["us.*", "us.default", "us"],
    ["@database", "us"],
    ["@databases", "us.*", "us"],
    ["us.@schema", "us.default", "us.*"],
    ["@databaseé", "@database", "usé"],
    ["@schema@table", "us", "usus"],
]
REGEXES = ["US", "^us$", r"default\.", "", "^$", "(?i)ZOË", "x{0}'"]
BAD_REGEXES = ["a{99999999999}", "(", "(" * 3000 + ")" * 3000, "us(?i)", "[", "(?P<a>x)(?P<a>y)"]


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Now and then null."""
    return st.one_of(strategy, strategy, strategy, st.none())


def rarely(common: Any, *rare: Any) -> st.SearchStrategy[Any]:
    """Mostly the first value. Hypothesis likes the ends of a range, so the rare ones stand in the middle."""
    usual = [common] * 3 * len(rare)
    return st.sampled_from([*usual, *rare, *usual])


@st.composite
def objects(draw: st.DrawFn, required: JsonObject, optional: JsonObject) -> JsonObject:
    """Objects with all required keys and about half of the optional ones."""
    fields = required | {key: value for key, value in optional.items() if draw(st.booleans())}
    return {key: draw(value) for key, value in fields.items()}


def vocabularies(names: list[str] = NAMES) -> st.SearchStrategy[st.SearchStrategy[str]]:
    """Strategies that draw from a few names: related ones, or any of the pool."""
    related = st.sampled_from([family for family in FAMILIES if set(family) <= set(names)])
    unrelated = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)
    return st.one_of(related, unrelated).map(st.sampled_from)


# -------------------------------------------------------------------------------------------- expressions


def calls(names: st.SearchStrategy[str], *, tags: bool = True) -> st.SearchStrategy[Tree]:
    """Single function calls."""
    places = st.sampled_from(["dataSource", "column"])
    of_the_user = [
        st.tuples(st.just("@hasAttribute"), names, names),
        st.lists(names, min_size=1, max_size=3).map(lambda groups: ("@isInGroups", *groups)),
    ]
    of_tags = [
        st.tuples(st.just("@hasTagAsAttribute"), names, places),
        st.tuples(st.just("@hasTagAsGroup"), places),
    ]
    return st.one_of(of_the_user + of_tags if tags else of_the_user)


@st.composite
def trees(draw: st.DrawFn, names: st.SearchStrategy[str], *, tags: bool = True, depth: int = 3) -> Tree:
    """Expression trees in normal form: no AND directly in an AND, no OR in an OR."""
    head = draw(st.sampled_from(["call", "or", "or", "not", "and", "call"])) if depth else "call"
    if head == "call":
        return draw(calls(names, tags=tags))
    parts = draw(st.lists(trees(names, tags=tags, depth=depth - 1), min_size=1 + (head != "not"), max_size=3))
    if head == "not":
        return ("not", parts[0])
    return (head, *[inner for part in parts for inner in (part[1:] if part[0] == head else [part])])


@st.composite
def written(draw: st.DrawFn, tree: Tree) -> str:
    """One of the many ways of writing a tree."""
    keyword = draw(st.sampled_from([str.upper, str.lower, str.title]))
    blank = draw(st.sampled_from([" ", "  ", "\n", "\t \r\n"]))
    gap = draw(st.sampled_from(["", "", blank]))
    escape = draw(st.sampled_from(["''", "\\'"]))
    careful = draw(st.booleans())  # parentheses everywhere

    def quote(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", escape) + "'"

    def write(tree: Tree) -> str:
        head, *rest = tree
        if head == "not":
            return f"{keyword('not')}{blank}{inside(rest[0], 'and', 'or')}"
        if head == "and":
            return f"{blank}{keyword('and')}{blank}".join(inside(part, "or") for part in rest)
        if head == "or":
            return f"{blank}{keyword('or')}{blank}".join(inside(part) for part in rest)
        name = head.replace("Tag", "Tags") if careful and head == "@hasTagAsAttribute" else head
        return f"{name}{gap}({gap}" + f"{gap},{gap}".join(quote(value) for value in rest) + f"{gap})"

    def inside(tree: Tree, *heads: str) -> str:
        return f"({gap}{write(tree)}{gap})" if careful or tree[0] in heads else write(tree)

    return gap + write(tree) + gap


def expression_texts(names: st.SearchStrategy[str], *, tags: bool = True) -> st.SearchStrategy[str]:
    """Well-formed expressions."""
    return trees(names, tags=tags).flatmap(written)


TOKENS = [
    *["@isInGroups('a')", "@hasAttribute('a','b')", "@hasTagAsGroup('column')"] * 3,
    *["AND", "OR", "NOT", "and", "(", ")"] * 3,
    *["@isInGroups", "@hasAttribute", "@hasTagsAsAttribute", "@hastagasgroup", "@isInGroups('a','b')", "@nosuch('a')"],
    *[
        ",",
        "'",
        "''",
        "\\",
        "\\'",
        "'a'",
        "'dataSource'",
        "'Column'",
        "TRUE",
        "false",
        "ANDOR",
        "XOR",
        "a",
        "1",
        "@",
        "é",
    ],
    *["@hasTagAsAttribute('a','DataSource')", "@hasTagAsGroup('column','a')", "@hasAttribute('a')", "@isInGroups()"],
]


@st.composite
def damaged(draw: st.DrawFn, well_formed: st.SearchStrategy[str]) -> str:
    """A well-formed text with one character taken away, put in, or everything after it cut off."""
    expression = draw(well_formed)
    at = draw(st.integers(0, len(expression)))
    insertion = draw(st.sampled_from(["", "'", "\\", "(", ")", ",", "@", " ", "x", "NOT ", "!"]))
    rest = draw(st.sampled_from([expression[at:], expression[at + 1 :], ""]))
    return expression[:at] + insertion + rest


def broken_texts(names: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts that are mostly, not always, no expressions."""
    tokens = st.lists(st.sampled_from(TOKENS), max_size=8)
    return st.one_of(
        st.sampled_from(["", " ", "TRUE", "@isInGroups('a'", "(" * 300 + "@isInGroups('a')" + ")" * 300, "NOT " * 999]),
        tokens.map(" ".join),
        tokens.map("".join),
        damaged(expression_texts(names)),
    )


# ------------------------------------------------------------------------------------------------ policies


def exceptions(names: st.SearchStrategy[str]) -> st.SearchStrategy[JsonObject]:
    """Structured conditions, a few of them malformed."""
    groups = st.fixed_dictionaries({"type": st.just("groups"), "group": st.fixed_dictionaries({"name": names})})
    authorization = st.fixed_dictionaries({"auth": names, "value": names}, optional={"iam": names})
    authorizations = st.fixed_dictionaries({"type": st.just("authorizations"), "authorization": authorization})
    malformed = st.sampled_from(
        [{"type": "groups"}, {"type": "iams"}, {}, {"type": "authorizations", "group": {"name": "us"}}]
    )
    condition = st.sampled_from([groups] * 5 + [authorizations] * 5 + [malformed]).flatmap(lambda chosen: chosen)
    conditions = st.sampled_from([1, 1, 2, 2, 3, 3, 0]).flatmap(lambda n: st.lists(condition, min_size=n, max_size=n))
    operator = st.sampled_from([*["and", "or"] * 6, "any", "AND"])
    return st.fixed_dictionaries({"operator": operator, "conditions": conditions})


GRANT: list[JsonObject] = [
    {},
    {"accessType": "GRANT"},
    {"shareResponsibility": True},
    {"accessType": "GRANT", "shareResponsibility": False},
]
GUARDRAIL: list[JsonObject] = [{"accessType": "GUARDRAIL"}, {"accessType": "GUARDRAIL", "shareResponsibility": True}]
LEGACY: list[JsonObject] = [{"shareResponsibility": False}, {"accessType": None, "shareResponsibility": False}]
AUTOMATIC: list[JsonObject] = [{}, {"automaticSubscription": True}, *[{"automaticSubscription": False}] * 2, {}]
CONDITIONAL = ["policy", "advanced", "entitlements", "ENTITLEMENTS", "ADVANCED"]
UNCONDITIONAL = ["automatic", "anyone", "AUTOMATIC", "approval", "manual"]
SCOPES: list[list[str | None]] = [["READ", None], ["WRITE"], ["READ", None], ["READ", "WRITE", None]]
UNKNOWN_LEVELS = ["nosuch", "MANUAL", ""]


class Flavour(NamedTuple):
    """What the policies of one tenant have in common, so that they meet on a data source often enough."""

    names: st.SearchStrategy[str]
    scopes: st.SearchStrategy[str | None]
    levels: st.SearchStrategy[str]
    texts: st.SearchStrategy[str]
    kinds: st.SearchStrategy[JsonObject]
    aims: st.SearchStrategy[str]


@st.composite
def mixed_flavours(draw: st.DrawFn) -> Flavour:
    """Policies of several levels and kinds, mostly on all data sources."""
    names = draw(vocabularies())
    levels = draw(st.sampled_from([CONDITIONAL, CONDITIONAL * 2 + UNCONDITIONAL, CONDITIONAL, UNCONDITIONAL]))
    kinds = draw(
        st.sampled_from([GRANT + GUARDRAIL, GRANT + GUARDRAIL * 2, LEGACY * 4 + GUARDRAIL + GRANT[:1], LEGACY])
    )
    aims = draw(
        st.sampled_from([["absent"], ["absent", "list"], ["absent", "empty", "owners"], ["list"], ["absent", "null"]])
    )
    return Flavour(
        names=names,
        scopes=st.sampled_from(draw(st.sampled_from(SCOPES))),
        levels=st.sampled_from([*levels * 3, *UNKNOWN_LEVELS, *levels * 3]),
        texts=rarely(expression_texts(names), broken_texts(names)).flatmap(lambda texts: texts),
        kinds=st.builds(or_, st.sampled_from(kinds), st.sampled_from(AUTOMATIC)),
        aims=st.sampled_from(aims),
    )


@st.composite
def targeting_flavours(draw: st.DrawFn) -> Flavour:
    """Policies that everybody meets, so that rows tell which data sources they apply to."""
    return Flavour(
        names=draw(vocabularies()),
        scopes=st.just("READ"),
        levels=st.just("advanced"),
        texts=st.just("NOT @isInGroups('nobody')"),
        kinds=st.sampled_from(GRANT[:1] * 2 + GUARDRAIL[:1] + LEGACY[:1]),
        aims=st.sampled_from(["list", "list", "owners", "null", "owners", "list"]),
    )


@st.composite
def matching_flavours(draw: st.DrawFn) -> Flavour:
    """Grants on all data sources, so that rows tell which users and tags match."""
    names = draw(st.sampled_from(FAMILIES).map(st.sampled_from))
    return Flavour(
        names=names,
        scopes=st.just("READ"),
        levels=st.sampled_from(["advanced", "policy"]),
        texts=calls(names).flatmap(written),
        kinds=st.just({}),
        aims=st.just("absent"),
    )


@st.composite
def rules(draw: st.DrawFn, flavour: Flavour) -> JsonObject:
    """The subscription action of a policy."""
    level = draw(flavour.levels)
    rule: JsonObject = {"type": "subscription", "subscriptionType": level, "accessGrant": draw(flavour.scopes)}
    if level in ("advanced", "ADVANCED") or draw(rarely(False, True)):
        rule["advanced"] = draw(flavour.texts)
    if level in CONDITIONAL or draw(rarely(False, True)):
        rule["exceptions"] = draw(exceptions(flavour.names))
    return rule | draw(flavour.kinds)


@st.composite
def conditions(draw: st.DrawFn, names: st.SearchStrategy[str]) -> JsonObject:
    """One item of a policy's circumstances; a few are unusable."""
    regexes = st.one_of(*[st.sampled_from(REGEXES)] * 3, st.sampled_from(BAD_REGEXES))
    regex = objects({"regex": regexes}, {"caseInsensitive": st.sampled_from([True, False, None, True])})
    named = st.fixed_dictionaries({"name": names})
    payloads = {
        "tags": ("tag", named),
        "columnTags": ("columnTag", named),
        "columnRegex": ("columnRegex", regex),
        "dataSourceNameRegex": ("dataSourceNameRegex", regex),
        "schema": ("schema", named),
        "database": ("database", named),
        "connection": ("connection", named),
        "domain": ("domain", st.fixed_dictionaries({"id": domain_ids})),
        "createdBetween": ("createdBetween", objects({}, {"start": maybe(near), "end": maybe(near)})),
        "nosuch": ("nosuch", named),
    }
    kind = draw(st.sampled_from(list(payloads)))
    key, payload = payloads[kind]
    condition = {"type": kind, key: draw(payload)}
    if draw(rarely(False, True)):
        odd = st.sampled_from(
            [
                None,
                {},
                "us",
                ["us"],
                {"name": 7},
                {"regex": None},
                {"id": ["us"]},
                {"start": "us"},
                {"end": "2026-11-20"},
            ]
        )
        condition = draw(st.sampled_from([{"type": kind}, {"type": kind, key: draw(odd)}, {key: condition[key]}]))
    operator = draw(st.sampled_from(["and", "or", "and", "or", "absent", None, "xor", "", 7]))
    return condition if operator == "absent" else condition | {"operator": operator}


moments = st.sampled_from(MOMENTS)
near = st.sampled_from(MOMENTS[:4])
DOMAINS: list[list[str | int]] = [["us", "US", 7], [], [7, "US"]]
domain_ids = st.sampled_from(["us", "US", 7, "7"])


@st.composite
def policies(draw: st.DrawFn, flavour: Flavour, identifier: int) -> JsonObject:
    """A global policy, nearly always a subscription policy in force."""
    owners = st.fixed_dictionaries({"iamid": iam_ids, "username": st.sampled_from(USER_NAMES[:2])})
    other_action = {"type": "visibility"}
    policy = {
        "id": identifier,
        "name": draw(flavour.names),
        "type": draw(rarely("subscription", "data")),
        "actions": [draw(rules(flavour))],
        "createdAt": draw(moments),
    }
    match draw(rarely("one", "none", "data first", "two")):
        case "none":
            policy["actions"] = [other_action] * draw(st.integers(0, 1))
        case "data first":
            policy["actions"] = [other_action, *policy["actions"]]
        case "two":
            policy["actions"] = [*policy["actions"], draw(rules(flavour))]
    match draw(flavour.aims):
        case "empty":
            policy["circumstances"] = []
        case "null":
            policy["circumstances"] = None
        case "list":
            policy["circumstances"] = draw(st.lists(conditions(flavour.names), min_size=1, max_size=3))
        case "owners":
            lists = {"users": maybe(st.lists(owners, max_size=3)), "groups": maybe(st.lists(flavour.names, max_size=1))}
            policy["ownerRestrictions"] = draw(objects({}, lists))
    return policy | draw(objects({}, {"staged": rarely(False, True, None), "deleted": rarely(False, True, None)}))


# ------------------------------------------------------------------------------------ the rest of a tenant

USER_NAMES = ["ann", "Ann", "o'neil", "名", "us.*", "bob\\"]
iam_ids = st.sampled_from(["bim", "okta"])


def counts(most: int) -> st.SearchStrategy[int]:
    """Sizes of a collection: seldom none at all."""
    several = list(range(2, most + 1))
    return st.sampled_from([*several * 3, 1, 0, 1, *several * 3])


def authorizations(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Attributes."""
    return maybe(st.dictionaries(names, st.lists(names, min_size=1, max_size=3) | st.just([]), min_size=1, max_size=3))


def users(names: st.SearchStrategy[str], number: int) -> st.SearchStrategy[JsonObject]:
    """The user with profile id ``number``."""
    required = {
        "id": st.just(100 - number),
        "iamid": iam_ids,
        "userid": st.just(USER_NAMES[number - 1]),
        "globalUserId": st.just(f"user-{9 - number}"),
        "profile": st.just({"id": number, "name": USER_NAMES[number - 1]}),
        "authorizations": authorizations(names),
    }
    return objects(required, {"disabled": rarely(False, True, None), "systemGenerated": rarely(False, True, None)})


def tags(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Tags on a target, sometimes the same one twice."""
    return maybe(st.lists(st.fixed_dictionaries({"name": names}, optional={"source": names}), min_size=1, max_size=3))


def data_sources(names: st.SearchStrategy[str], number: int, policy_ids: list[int]) -> st.SearchStrategy[JsonObject]:
    """The data source with id ``number``."""
    applied = st.lists(st.sampled_from([*policy_ids, UNKNOWN]).map(lambda policy: {"id": policy}), max_size=3)
    required = {
        "id": st.just(number),
        "name": names,
        "blobHandlerType": st.just("Snowflake"),
        "createdAt": st.one_of(near, moments),
        "tags": tags(names),
    }
    optional = {
        "deleted": rarely(False, True, None),
        "database": maybe(names),
        "remoteSchema": maybe(names),
        "remoteTable": maybe(names),
        "hostname": maybe(names),
        "connectionString": maybe(names),
        "globalPolicies": maybe(applied),
        "domainId": maybe(domain_ids),
    }
    return objects(required, optional)


def dictionaries(names: st.SearchStrategy[str], data_source: int) -> st.SearchStrategy[JsonObject]:
    """The columns of a data source."""
    column = st.fixed_dictionaries({"name": names, "dataType": st.just("text"), "tags": tags(names)})
    columns = st.lists(column, max_size=2, unique_by=lambda column: column["name"])
    return st.fixed_dictionaries({"dataSource": st.just(data_source), "metadata": columns})


@st.composite
def members(draw: st.DrawFn, profiles: list[int], groups: list[int], sources: list[int]) -> JsonObject:
    """An entry of a member list."""
    states = ["owner", "owner", "expert", "pending", "subscribed", "subscribed", "pending", "ingest", "subscribed"]
    key = draw(st.sampled_from(["profile", "profile", "group"]))
    holders = profiles if key == "profile" else groups
    required = {
        "dataSource": st.sampled_from([*sources * 5, UNKNOWN]),
        key: st.sampled_from([*holders * 5, UNKNOWN]),
        "state": st.sampled_from(states),
    }
    optional = {
        "policy": st.sampled_from([True, True, False, None]),
        "approved": rarely(True, False, None),
        "accessGrant": st.sampled_from(["READ", "WRITE", None]),
        "expiration": maybe(moments),
    }
    return draw(objects(required, optional))


def memberships(profiles: list[int], groups: list[int]) -> st.SearchStrategy[list[JsonObject]]:
    """Who is in which group; repeated now and then, some of somebody or some group unknown."""
    membership = st.fixed_dictionaries(
        {
            "group": st.sampled_from([*groups * 8, UNKNOWN]),
            "profile": st.sampled_from([*profiles * 8, UNKNOWN]).map(lambda profile: {"id": profile}),
        }
    )
    return st.lists(membership, min_size=3 * len(groups), max_size=16)


def domains(identifier: str | int, sources: list[int]) -> st.SearchStrategy[JsonObject]:
    """A domain with its data sources."""
    listed = st.lists(st.sampled_from([*sources, UNKNOWN]).map(lambda source: {"dataSourceId": source}), max_size=3)
    return st.fixed_dictionaries({"id": st.just(identifier), "name": st.just("a domain"), "dataSources": maybe(listed)})


@st.composite
def tenants(draw: st.DrawFn, flavours: st.SearchStrategy[Flavour]) -> RawTenant:
    """A whole tenant, small and full of collisions."""
    flavour = draw(flavours)
    names = flavour.names
    profiles = list(range(1, draw(counts(6)) + 1))
    groups = list(range(1, draw(counts(4)) + 1))
    sources = list(range(1, draw(counts(5)) + 1))
    numbers = draw(counts(6))
    policy_ids = draw(
        st.lists(st.sampled_from([1, 2, 3, 9, 10, 21, 100]), min_size=numbers, max_size=numbers, unique=True)
    )
    group = st.fixed_dictionaries({"iamid": iam_ids, "name": names, "authorizations": authorizations(names)})
    dictionary_of = draw(st.lists(st.sampled_from([*sources, UNKNOWN]), min_size=len(sources) // 2, unique=True))
    entries = draw(counts(8))
    return {
        "tenant": [{"tenantId": "t", "url": "https://acme.example", "dumpedAt": DUMPED_AT}],
        "users": [draw(users(names, number)) for number in profiles],
        "groups": [{"id": number} | draw(group) for number in groups],
        "group_members": draw(memberships(profiles, groups)),
        "data_sources": [draw(data_sources(names, number, policy_ids)) for number in sources],
        "columns": [draw(dictionaries(names, number)) for number in dictionary_of],
        "data_source_members": [draw(members(profiles, groups, sources)) for _ in range(entries)],
        "policies": [draw(policies(flavour, number)) for number in policy_ids],
        "domains": [draw(domains(number, sources)) for number in draw(st.sampled_from(DOMAINS))],
    }
