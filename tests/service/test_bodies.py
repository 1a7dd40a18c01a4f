"""The messages that are bodies of their own: how their names are read."""

from typing import Any

import pytest

from scim.protocol.errors import InvalidSyntax, PayloadTooLarge
from scim.protocol.patch import MAX_OPERATIONS
from scim.service.bodies import bulk_request, patch_operations

TITLE = {"op": "add", "path": "title", "value": "Captain"}


@pytest.mark.parametrize(
    "body",
    [
        {"Operations": [TITLE], "operations": [{**TITLE, "value": "Mate"}]},
        {"Operations": [{**TITLE, "Value": "Mate"}]},
        {"Operations": [{**TITLE, "PATH": "nickName"}]},
    ],
)
def test_a_name_that_is_given_twice_in_different_case_is_refused(body: dict[str, Any]) -> None:
    """Names match whatever their case, so that one of two operations or values would be dropped without a word."""
    with pytest.raises(InvalidSyntax, match="more than once"):
        patch_operations(body)


def test_the_same_holds_for_bulk() -> None:
    """Of its operations too."""
    operation = {"method": "POST", "path": "/Users", "bulkId": "1", "data": {}}
    for body in ({"Operations": [operation], "OPERATIONS": []}, {"Operations": [{**operation, "BulkId": "2"}]}):
        with pytest.raises(InvalidSyntax, match="more than once"):
            bulk_request(body)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([TITLE], "the body: must be a JSON object"),
        (None, "the body: must be a JSON object"),
        ({"Operations": [5]}, "Operations.0: must be a JSON object"),
        ({"Operations": TITLE}, "Operations: Input should be a valid list"),
    ],
)
def test_what_is_no_message_is_told_in_words_of_json(body: Any, told: str) -> None:
    """Whoever wrote the client knows none of the classes here."""
    for read in (patch_operations, bulk_request):
        with pytest.raises(InvalidSyntax, match=told) as raised:
            read(body)
        assert "instance of" not in raised.value.detail


def test_a_patch_has_ten_thousand_operations_at_most() -> None:
    """One more is refused before any of them is looked at."""
    assert len(patch_operations({"Operations": [TITLE] * MAX_OPERATIONS})) == 10_000
    with pytest.raises(PayloadTooLarge, match="10,001 operations; the limit is 10,000"):
        patch_operations({"Operations": [TITLE] * MAX_OPERATIONS + [{}]})


def test_operations_have_no_operations() -> None:
    """What an operation does not have is ignored."""
    [operation] = patch_operations({"Operations": [{**TITLE, "operations": [1], "name": "x"}]})
    assert (operation.op, operation.path, operation.value) == ("add", "title", "Captain")
