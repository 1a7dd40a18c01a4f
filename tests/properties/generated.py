"""Filters, paths, bodies, operations and people as Hypothesis makes them."""

import json
from typing import Any

from hypothesis import strategies as st

from scim.protocol.filter import (
    And,
    AttributePath,
    Comparison,
    Filter,
    Not,
    Or,
    ValuePath,
    parse_filter,
)
from scim.protocol.resource import Resource
from tests.samples import CONTOSO, CORE, ENTERPRISE, GROUP, MIRA, USER

TOKENS = [
    *(
        [
            "userName",
            "emails.value",
            "name",
            "members",
            "value",
            "type",
            "not",
            "and",
            "or",
            "eq",
            "ne",
            "co",
            "pr",
            "gt",
            "true",
            "null",
            "5",
            '"x"',
            '"a\\"b"',
        ]
    ),
    *(["(", ")", "[", "]", ".", ":", "\\", '"', "'", "$", ",", "urn:x:y"]),
    *(ENTERPRISE, f"{CORE}:userName", "\ud800", "é", "\x00", "9" * 5000, "(" * 40, "a" * 9000),
]
expressions = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join),
    st.lists(st.sampled_from(TOKENS), max_size=12).map("".join),
)

words = st.from_regex(r"[A-Za-z$][A-Za-z0-9_$-]{0,6}", fullmatch=True).filter(
    lambda word: word.lower() not in {"not", "and", "or", "urn"}
)
urns = st.sampled_from(["", "", "urn:x:y", "URN:ietf:2.0:User", ENTERPRISE])
attributes = st.builds(AttributePath, urns, words, st.one_of(st.just(""), words))
texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.one_of(st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False))


def compared(path: AttributePath, operator: str, value: Any) -> Comparison:
    return Comparison(path, operator, value, value if isinstance(value, str) else json.dumps(value))


comparisons = st.one_of(
    st.builds(lambda path: Comparison(path, "pr"), attributes),
    st.builds(
        compared,
        attributes,
        st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]),
        st.one_of(texts, numbers, st.booleans(), st.none()),
    ),
)


def combined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        several.map(And), several.map(Or), inner.map(Not), st.builds(ValuePath, attributes, inner)
    )  # fmt: skip


trees: st.SearchStrategy[Filter] = st.recursive(comparisons, combined, max_leaves=6)


def text_of(tree: Filter) -> str:
    """Write a tree as a filter that means it."""
    match tree:
        case Comparison(path, "pr"):
            return f"{path} pr"
        case Comparison(path, operator, value):
            return f"{path} {operator} {json.dumps(value)}"
        case Not(term):
            return f"not ({text_of(term)})"
        case ValuePath(path, inner):
            return f"{path}[{text_of(inner)}]"
        case And(terms):
            return " and ".join(grouped(term) for term in terms)
        case Or(terms):
            return " or ".join(grouped(term) for term in terms)
    raise AssertionError(f"no filter has the text of {tree}")


def grouped(tree: Filter) -> str:
    return f"({text_of(tree)})" if isinstance(tree, (And, Or)) else text_of(tree)


# --- Resources -------------------------------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["", "True", "false", "5", "1e999", "9" * 5000, "2026-01-31T12:00:00Z", "QUJD", "\ud800", "{"]),
    st.sampled_from(['{"value":"a","displayName":"A"}', '{"a":' * 5000, "work", "home", "a", "b"]),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["value", "type", "primary", "Value", "display", "displayName", "givenName", "operation", "x"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)
NAMES = [
    *(each.name for each in USER.core.values()),
    *(each.name for each in USER.extensions[1].attributes.values()),
    *("USERNAME", "Members", "displayName", "unknown", "", " ", "name.givenName", "manager", "department", "\ud800"),
    *(CORE, ENTERPRISE, CONTOSO, ENTERPRISE.upper(), f"{ENTERPRISE}:manager", "urn:x:User", GROUP.schema.id),
]
bodies = st.one_of(
    json_values,
    st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(json_values, st.dictionaries(st.sampled_from(NAMES), json_values, max_size=4)),
        max_size=6,
    ).map(lambda body: {"userName": "a", "displayName": "b", **body}),
)

emails = st.lists(
    st.fixed_dictionaries(
        {"value": st.sampled_from(["a", "b", "B@x"])}, optional={"type": st.sampled_from(["work", "home"])}
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: (each["value"], each.get("type")),
)
users: st.SearchStrategy[Resource] = st.fixed_dictionaries(
    {"id": st.just(MIRA["id"]), "userName": st.sampled_from(["a", "B@x.example"])},
    optional={
        "displayName": texts.filter(bool),
        "title": st.sampled_from(["A", "b"]),
        "active": st.booleans(),
        "name": st.fixed_dictionaries({"givenName": st.sampled_from(["a", "b"])}),
        "emails": emails,
        "meta": st.just({"resourceType": "User", "created": "2026-01-31T12:00:00Z"}),
        ENTERPRISE: st.fixed_dictionaries(
            {"manager": st.just({"value": "26"})}, optional={"department": st.just("Sea")}
        ),
        CONTOSO: st.fixed_dictionaries(
            {"clearance": st.just("office"), "remarks": st.just("ill"), "doorCode": st.just("0")},
            optional={
                "badge": st.just("7"),
                "desks": st.integers(0, 3),
                "workload": st.sampled_from([0.5, 1, 1.0]),
                "languages": st.just(["nb", "de"]),
                "site": st.just("Oslo"),
                "office": st.just({"building": "A", "key": "7", "alarmCode": "1"}),
            },
        ),
    },
)


# --- PATCH -----------------------------------------------------------------------------------------------------------

PATHS = [
    *("userName", "displayName", "title", "active", "name", "name.givenName", "name.familyName", "NAME.GivenName"),
    *("emails", "emails.type", "emails.primary", 'emails[type eq "work"]', 'emails[type eq "work"].value'),
    *('emails[type eq "home"].type', 'emails[value eq "a"].value', "emails[primary eq true].value", "emails[type pr]"),
    *(
        'emails[not (type eq "work")].type',
        'emails[type eq "work" and primary eq "True"].value',
        "emails[type eq null]",
    ),
    *('emails[type eq ""].value', 'emails[unknown eq "x"]', "emails[", 'roles[primary eq "True"].value', "roles"),
    *(
        "manager",
        "manager.value",
        'manager[value eq "26"]',
        f"{ENTERPRISE}:manager",
        f"{ENTERPRISE}.manager",
        "department",
    ),
    *(ENTERPRISE, CONTOSO, CORE, f"{CORE}:title", "id", "schemas", "meta", "meta.created", "groups", "groups.value"),
    *(f"{CONTOSO}:{name}" for name in ("badge", "desks", "workload", "remote", "hiredAt", "signature", "languages")),
    *(f"{CONTOSO}:{name}" for name in ("clearance", "office", "office.key", "office.floor", "devices", "devices.seal")),
    *(f'{CONTOSO}:devices[value eq "a"]', f'{CONTOSO}:devices[value eq "a"].seal', f'{CONTOSO}:languages[x eq "nb"]'),
    *(
        "unknown",
        "unknown.sub",
        "urn:x:y:z",
        "",
        " ",
        "members",
        "members.value",
        'members[value eq "a"]',
        "members[type pr]",
    ),
]
paths = st.one_of(st.sampled_from(PATHS), expressions)
values_to_write = st.one_of(
    json_values,
    st.sampled_from(
        [
            *("a", "b", "", None, True, "False", "work", [], {}, [{"value": "a"}], {"value": "a", "type": "work"}),
            *([{"value": "b", "primary": True}, {"value": "c"}], {"givenName": "N", "familyName": None}, {"value": ""}),
            *(
                [{"value": "a", "seal": "1"}],
                {"clearance": "lobby", "site": "Oslo"},
                {"department": "Land"},
                ["nb", "fr"],
            ),
        ]
    ),
)
operations = st.one_of(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "Replace", "remove"]), "path": paths}, optional={"value": values_to_write}
    ),
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["Add", "replace", "remove"]),
            "value": st.dictionaries(st.sampled_from(PATHS + NAMES), values_to_write, max_size=3),
        }
    ),
)
messages = st.one_of(
    st.fixed_dictionaries({"Operations": st.lists(operations, max_size=4)}),
    st.fixed_dictionaries({"Operations": st.lists(st.one_of(operations, json_values), max_size=2)}),
    json_values,
)


# --- Searching and showing -------------------------------------------------------------------------------------------

SEARCHED = [
    *('userName eq "a"', "userName co x", 'title gt "A"', "title pr", "active eq true", "active ne true", "name pr"),
    *('emails[type eq "work"]', 'emails[value eq "a" and not (type pr)]', 'emails.value ne "b"', "emails eq null"),
    *(f"{CONTOSO}:desks ge 2", f"{CONTOSO}:workload eq 1", "manager eq 26", 'meta.created lt "2027-01-01T00:00:00Z"'),
]
known_trees: st.SearchStrategy[Filter] = st.recursive(
    st.sampled_from(SEARCHED).map(parse_filter),
    lambda inner: st.one_of(
        inner.map(Not), st.tuples(inner, inner).map(And), st.tuples(inner, inner).map(Or)
    ),
    max_leaves=5,
)  # fmt: skip
