"""What holds for every search, order and answer."""

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from scim.protocol.errors import ScimError
from scim.protocol.filter import (
    And,
    Filter,
    Not,
    Or,
    parse_attribute,
)
from scim.protocol.projection import Projection
from scim.protocol.query import matcher, sort_key
from scim.protocol.resource import Resource
from tests.properties.generated import known_trees, trees, users
from tests.samples import CONTOSO, ENTERPRISE, USER, examples


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
