"""A single planted difference is found, and nothing else."""

from typing import Any

from scim.simulate.job.journal import Subject
from scim.simulate.report.comparison import (
    Difference,
    compare_active,
    compare_attributes,
    compare_manager,
    compare_members,
)
from scim.simulate.source.mapping import EMAIL, MANAGER, user_body

NAMES = {"u1": "mira", "u2": "leif"}
SOURCE = {"userName": "mira", EMAIL: "m@x.example", "name.givenName": "Mira"}


def attribute_differences(resource: dict[str, Any]) -> list[Difference]:
    return compare_attributes(Subject.USER, "mira", SOURCE, resource)


def test_an_equal_resource_has_no_difference() -> None:
    """More attributes than the source has are none either: Entra never clears them."""
    assert attribute_differences(user_body(SOURCE) | {"nickName": "M", "id": "u1"}) == []


def test_another_value_is_a_difference_even_by_case() -> None:
    """Values are stored as sent, to the letter."""
    resource = user_body(SOURCE | {"name.givenName": "mira"})

    assert attribute_differences(resource) == [Difference(Subject.USER, "mira", "name.givenName", "'Mira'", "'mira'")]


def test_a_missing_value_is_a_difference() -> None:
    """An endpoint that drops an attribute is found out."""
    resource = user_body({"userName": "mira", "name.givenName": "Mira"})

    assert attribute_differences(resource) == [Difference(Subject.USER, "mira", EMAIL, "'m@x.example'", "nothing")]


def test_a_second_value_of_the_same_type_is_a_difference() -> None:
    """Two work addresses are what an endpoint shows that appends instead of replacing."""
    resource = user_body(SOURCE)
    resource["emails"].append({"type": "work", "value": "old@x.example"})

    [difference] = attribute_differences(resource)
    assert difference.found == "'m@x.example' and 'old@x.example'"


def test_active_must_be_the_right_boolean() -> None:
    """Text and numbers in place of a boolean cannot be read by Entra."""
    assert compare_active("mira", True, {"active": True}) == []
    for wrong in (False, "True", 1, None):
        [difference] = compare_active("mira", True, {"active": wrong})
        assert difference.attribute == "active"


def test_another_manager_or_none_is_a_difference() -> None:
    """Managers are compared by id and named for the reader."""
    resource = {MANAGER.rpartition(":")[0]: {"manager": {"value": "u2"}}}

    assert compare_manager("mira", "u2", resource, NAMES) == []
    assert compare_manager("mira", None, resource, NAMES) == [
        Difference(Subject.MANAGER, "mira", MANAGER, "nothing", "leif")
    ]
    assert compare_manager("mira", "u9", {}, NAMES) == [
        Difference(Subject.MANAGER, "mira", MANAGER, "unknown id u9", "nothing")
    ]


def test_each_missing_extra_and_repeated_member_is_a_difference() -> None:
    """Members are compared one by one."""

    def found(*identifiers: str) -> list[Difference]:
        resource = {"members": [{"value": identifier} for identifier in identifiers]}
        return compare_members("Crew", {"u1", "u2"}, resource, NAMES)

    assert found("u2", "u1") == []
    assert found("u1") == [Difference(Subject.MEMBERS, "Crew", "members", "leif", "nothing")]
    assert found("u1", "u2", "u3") == [Difference(Subject.MEMBERS, "Crew", "members", "nothing", "unknown id u3")]
    assert found("u1", "u2", "u2") == [Difference(Subject.MEMBERS, "Crew", "members", "leif once", "2 times")]
    assert len(compare_members("Crew", {"u1", "u2"}, {}, NAMES)) == 2
