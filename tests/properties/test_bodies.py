"""What holds for every body of a resource or a search, and for every text."""

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim.protocol.errors import ScimError
from scim.protocol.patch import apply
from scim.protocol.query import normal, search_request
from scim.protocol.resource import fold, parse_date_time
from scim.protocol.schema import Attribute, ResourceType
from scim.protocol.validation import read_resource
from scim.service.bodies import patch_operations
from tests.properties.generated import bodies, json_values, texts
from tests.samples import CORE, ENTERPRISE, GROUP, MIRA, USER, examples


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
