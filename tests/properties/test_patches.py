"""What holds for every PATCH."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scim.protocol.errors import NoTarget, ScimError
from scim.protocol.filter import (
    parse_filter,
)
from scim.protocol.members import member_ids
from scim.protocol.patch import MembersNeeded, Operation, apply
from scim.protocol.query import matcher
from scim.protocol.resource import Resource
from scim.protocol.validation import read_resource
from scim.service.bodies import patch_operations
from tests.properties.generated import json_values, messages, operations, texts, users
from tests.samples import ENTERPRISE, GROUP, USER, examples


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
