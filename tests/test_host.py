"""How the Functions host finds a function: the first of their names whose method and template match."""

import pytest

from scim.host import HttpTrigger, find, in_order


def trigger(name: str, route: str, *methods: str) -> HttpTrigger:
    return HttpTrigger(name, frozenset(methods or ("GET",)), route)


@pytest.mark.parametrize(
    ("route", "path", "expected"),
    [
        ("scim/v2/Users/{id}", "/SCIM/v2/users/AbC", {"id": "AbC"}),
        ("scim/v2/Users/{id}", "/scim/v2/Users/a%20b%2Fc%2f", {"id": "a b%2Fc%2f"}),
        ("scim/v2/Users/{id}", "/scim/v2/Users/a/", {"id": "a"}),
        ("scim/v2/Users/{id}", "/scim/v2/Users/a//", None),
        ("scim/v2/Users/{id}", "/scim/v2/Users/a/b", None),
        ("scim/v2/Users/{id}", "/scim/v2/Users", None),
        ("{tenant}/v2/Users/{id}", "/Contoso/V2/Users/1", {"tenant": "Contoso", "id": "1"}),
        ("scim/v2/.search", "/scim/v2/xsearch", None),
        ("{*path}", "/a/b%20c", {"path": "a/b c"}),
        ("{*path}", "/", {"path": ""}),
        ("{*path}", "//a", None),
    ],
)
def test_a_route_tells_its_parameters(route: str, path: str, expected: dict[str, str] | None) -> None:
    """Decoded but for slashes; one slash at the end is ignored, a path that begins with two is nobody's."""
    assert trigger("X", route).match(path) == expected


@pytest.mark.parametrize(("name", "found"), [("Anywhere", "Anywhere"), ("anywhere", "anywhere"), ("Zoe", "Health")])
def test_the_first_name_answers(name: str, found: str) -> None:
    """A catch-all that sorts first takes everything, however exactly another template matches."""
    functions = in_order([trigger("Health", "health"), trigger(name, "{*path}")])
    chosen = find(functions, "GET", "/health")
    assert chosen is not None
    assert chosen[0].name == found


def test_names_sort_whatever_their_case() -> None:
    """As the host compares them: letters as capitals, and so an underscore after them all."""
    names = ["b", "C", "_x", "A", "Z"]
    assert [each.name for each in in_order(trigger(name, "x") for name in names)] == ["A", "b", "C", "Z", "_x"]


def test_a_method_that_a_function_does_not_take_goes_on_to_the_next() -> None:
    """And to nobody, when there is none."""
    functions = in_order([trigger("A", "x"), trigger("B", "x", "POST")])
    assert [found[0].name for method in ("GET", "POST", "PUT") if (found := find(functions, method, "/x"))] == [
        "A",
        "B",
    ]
