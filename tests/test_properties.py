"""What holds for every filter, path, body and PATCH, shown on generated ones."""

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim.protocol.errors import NoTarget, ScimError
from scim.protocol.filter import (
    And,
    AttributePath,
    Comparison,
    Filter,
    Not,
    Or,
    Path,
    ValuePath,
    parse_attribute,
    parse_filter,
    parse_path,
)
from scim.protocol.patch import MembersNeeded, Operation, apply, member_ids
from scim.protocol.query import matcher, normal, search_request, sort_key
from scim.protocol.resource import Projection, Resource, fold, parse_date_time
from scim.protocol.schema import Attribute, ResourceType
from scim.protocol.validation import read_resource
from scim.service.bodies import patch_operations
from tests.samples import CONTOSO, CORE, ENTERPRISE, GROUP, MIRA, USER, examples

# --- Filters and paths as text and as trees --------------------------------------------------------------------------

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


@examples(120)
@given(expressions)
def test_any_text_is_a_tree_or_a_scim_error(text: str) -> None:
    """No filter and no path, however broken, brings the service down."""
    for parse in (parse_filter, parse_path, parse_attribute):
        try:
            parse(text)
        except ScimError as error:
            assert error.scim_type in ("invalidFilter", "invalidPath")
            assert len(error.detail) < 300


@examples(120)
@given(trees)
def test_a_tree_that_is_written_parses_back_to_itself(tree: Filter) -> None:
    """Nothing of a filter is lost or bound otherwise."""
    assert parse_filter(text_of(tree)) == tree


@examples(120)
@given(attributes, st.one_of(st.none(), trees))
def test_a_path_that_is_written_parses_back_to_itself(attribute: AttributePath, selection: Filter | None) -> None:
    """With a filter the sub-attribute stands behind the brackets."""
    if selection is None:
        assert parse_path(str(attribute)) == Path(attribute)
    else:
        whole, sub = AttributePath(attribute.urn, attribute.name), f".{attribute.sub}" if attribute.sub else ""
        assert parse_path(f"{whole}[{text_of(selection)}]{sub}") == Path(attribute, selection)


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


@examples(120)
@given(bodies, st.sampled_from([USER, GROUP]))
def test_any_body_is_a_resource_or_a_scim_error(body: Any, kind: ResourceType) -> None:
    """No JSON brings the service down, none is changed, and what was read reads back the same and is JSON again."""
    before = copy.deepcopy(body)
    try:
        resource = read_resource(kind, body)
    except ScimError:
        return
    finally:
        assert repr(body) == repr(before)
    assert read_resource(kind, resource) == resource
    assert json.loads(json.dumps(resource, allow_nan=False)) == resource


@examples(120)
@given(
    st.one_of(
        json_values, st.dictionaries(st.sampled_from(["count", "startIndex", "filter", "attributes"]), json_values)
    )
)
def test_any_search_is_bounded_or_refused(body: Any) -> None:
    """What is not refused lies within the limits."""
    try:
        search = search_request(body)
    except ScimError as error:
        assert error.status == 400
        return
    assert search.start_index >= 1
    assert 0 <= search.count <= 1000


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


@examples(400)
@given(users, messages)
def test_any_patch_is_a_resource_or_a_scim_error(current: Resource, body: Any) -> None:
    """No PATCH brings the service down or touches the resource it is given; what it makes could have been posted."""
    before = copy.deepcopy(current)
    try:
        after = apply(USER, current, patch_operations(body)).resource
    except ScimError as error:
        assert error.status == 400
        return
    finally:
        assert current == before
    for name in ("id", "meta"):
        assert after.get(name) == before.get(name)
    written = {name: item for name, item in after.items() if name not in ("id", "meta")}
    assert read_resource(USER, after) == written
    assert json.loads(json.dumps(after, allow_nan=False)) == after


@examples(120)
@given(messages)
def test_any_patch_of_a_group_is_a_change_or_a_scim_error(body: Any) -> None:
    """Members are changed by ids only, and never part of the resource."""
    crew = {"id": "x", "displayName": "Crew"}
    try:
        parsed = patch_operations(body)
        try:
            change = apply(GROUP, crew, parsed)
        except MembersNeeded:
            change = apply(GROUP, crew, parsed, [{"value": "a", "type": "User"}, {"value": "b", "type": "Group"}])
    except ScimError:
        return
    finally:
        assert crew == {"id": "x", "displayName": "Crew"}
    assert "members" not in change.resource
    assert all(isinstance(each, str) and each for each in change.members.wanted)


@examples(300)
@given(users, operations)
def test_an_operation_that_is_sent_twice_does_what_it_does_once(current: Resource, body: dict[str, Any]) -> None:
    """Entra sends a request again when the answer is lost; at most the target is gone by then."""
    operation = patch_operations({"Operations": [body]})
    try:
        once = apply(USER, current, operation).resource
    except ScimError:
        return
    try:
        twice = apply(USER, once, operation).resource
    except NoTarget:
        assert "[" in json.dumps(body)
        return
    assert twice == once


@examples(120)
@given(
    users, st.sampled_from(["displayName", "title", "name.givenName", f"{ENTERPRISE}:department"]), texts.filter(bool)
)
def test_what_was_set_is_there_and_what_was_removed_is_not(current: Resource, path: str, text: str) -> None:
    """add and replace of a single value mean the same; remove undoes both."""

    def sent(op: str, before: Resource) -> Resource:
        return apply(USER, before, [Operation(op=op, path=path, value=text)]).resource  # type: ignore[arg-type]

    holds = matcher(parse_filter(f"{path} eq {json.dumps(text)}"), USER)
    present = matcher(parse_filter(f"{path} pr"), USER)
    assert sent("add", current) == sent("replace", current) == sent("add", sent("remove", current))
    assert holds(sent("add", current))
    assert not present(sent("remove", sent("add", current)))


@examples(120)
@given(json_values)
def test_any_value_of_members_names_ids_or_is_refused(value: Any) -> None:
    """Nothing that is not understood is taken for an id."""
    try:
        ids = member_ids(value)
    except ScimError:
        return
    assert len(set(ids)) == len(ids)
    assert all(isinstance(each, str) and each for each in ids)


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


@examples(120)
@given(users, known_trees, known_trees)
def test_filters_obey_logic(user: Resource, one: Filter, other: Filter) -> None:
    """not is the negation, and De Morgan's laws hold."""

    def holds(tree: Filter) -> bool:
        return matcher(tree, USER)(user)

    assert holds(Not(one)) is not holds(one)
    assert holds(And((one, other))) is (holds(one) and holds(other))
    assert holds(Or((one, other))) is (holds(one) or holds(other))
    assert holds(Not(And((one, other)))) is holds(Or((Not(one), Not(other))))


@examples(120)
@given(users, trees)
def test_any_filter_matches_or_is_a_scim_error(user: Resource, tree: Filter) -> None:
    """A tree of unknown attributes and odd comparisons is refused before a resource is looked at."""
    try:
        matches = matcher(tree, USER)
    except ScimError:
        return
    assert isinstance(matches(user), bool)


@examples(120)
@given(st.lists(users, max_size=5), st.sampled_from(["userName", "emails", "active", "name", f"{CONTOSO}:workload"]))
def test_sorting_puts_everybody_in_a_row(people: list[Resource], path: str) -> None:
    """Any mix of values and of none sorts, and nobody is changed."""
    before = copy.deepcopy(people)
    target = USER.resolve(parse_attribute(path))
    assert target
    ordered = sorted(people, key=sort_key(target))
    assert people == before
    assert sorted(ordered, key=sort_key(target)) == ordered


HIDDEN = ("doorCode", "alarmCode")
SECRETS = {"clearance": "office", "doorCode": "0", "remarks": "ill", "office": {"building": "A", "alarmCode": "1"}}
shown_names = st.lists(
    st.sampled_from(
        [
            *(
                "userName",
                "NAME",
                "name.givenName",
                "emails",
                "emails.type",
                "id",
                "schemas",
                "meta",
                "unknown",
                "title",
            ),
            *(ENTERPRISE, CONTOSO, "department", "manager.value", "site", "remarks", f"{CONTOSO}:office"),
            *("doorCode", "office.alarmCode"),
        ]
    ),
    max_size=4,
)


@examples(300)
@given(users.map(lambda user: {**user, CONTOSO: SECRETS}), shown_names, shown_names)
def test_a_response_has_what_is_always_there_and_never_what_is_excluded(
    user: Resource, named: list[str], excluded: list[str]
) -> None:
    """Whatever is asked for: `always` stays, `never` goes, `request` comes only by name, excluded goes."""
    projection = Projection(USER, named, excluded)
    shown = projection.apply(user)
    text = json.dumps(shown)
    assert shown["id"] == user["id"]
    assert not any(f'"{name}"' in text for name in HIDDEN)
    assert '"remarks"' not in text or "remarks" in named
    for name in excluded:
        target = USER.resolve(parse_attribute(name))
        if target and not target.extension and target.leaf and target.leaf.returned != "always" and not target.sub:
            assert target.leaf.name not in shown
    assert projection.apply(shown) == shown
    assert all(projection.wants(name) for name in shown)


@examples(120)
@given(texts, texts)
def test_folding_is_stable(one: str, other: str) -> None:
    """What compares equal once compares equal for ever: folding twice is folding once."""
    assert fold(fold(one)) == fold(one)
    assert fold(one + other) == fold(fold(one) + fold(other)) or not (one + other).isascii()


@examples(120)
@given(st.one_of(texts, st.from_regex(re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9:.+Z-]{5,20}"))))
def test_any_text_is_an_instant_or_none(text: str) -> None:
    """No date brings the service down, and an instant is in UTC, so that equal ones are written alike."""
    instant = parse_date_time(text)
    if instant is not None:
        assert instant.utcoffset() is not None and not instant.utcoffset()
        assert normal(Attribute("x", type="dateTime"), text) == instant


@pytest.mark.parametrize("levels", [10, 100_000])
def test_a_deep_body_is_a_resource_or_a_scim_error(levels: int) -> None:
    """Depth costs no stack, wherever it stands."""
    deep: Any = "x"
    for _ in range(levels):
        deep = {"value": [deep], CORE: "x"}
    for body in ({"userName": "a", name: deep} for name in ("title", "name", "emails", "unknown", CORE, ENTERPRISE)):
        for attempt in (
            lambda body=body: read_resource(USER, body),
            lambda body=body: apply(USER, MIRA, patch_operations({"Operations": [{"op": "add", "value": body}]})),
        ):
            try:
                attempt()
            except ScimError as error:
                assert error.status == 400
