"""The table of routes: what paths mean, whatever their case and slashes."""

import pytest

from scim.service import routes
from scim.service.operations import Operations
from tests.conftest import Http


@pytest.mark.parametrize(
    ("method", "path", "name", "parameters"),
    [
        ("POST", "/Users", "CreateUser", {}),
        ("GET", "/Users", "ListUsers", {}),
        ("HEAD", "/Users", "ListUsers", {}),
        ("POST", "/Users/.search", "SearchUsers", {}),
        ("GET", "/Users/42", "GetUser", {"id": "42"}),
        ("PUT", "/Users/42", "ReplaceUser", {"id": "42"}),
        ("PATCH", "/Users/42", "PatchUser", {"id": "42"}),
        ("DELETE", "/Groups/42", "DeleteGroup", {"id": "42"}),
        ("GET", "/Users/a%20b%2Fc", "GetUser", {"id": "a b/c"}),
        ("GET", "/Schemas/urn:a:b", "GetSchema", {"id": "urn:a:b"}),
        ("GET", "/uSeRs/Ab", "GetUser", {"id": "Ab"}),
        ("GET", "//Users//42/", "GetUser", {"id": "42"}),
        ("GET", "", "Root", {}),
        ("GET", "/", "Root", {}),
        ("POST", "/.search", "Search", {}),
        ("POST", "/Users/.SEARCH", "SearchUsers", {}),
        ("GET", "/Users/.searches", "GetUser", {"id": ".searches"}),
        ("POST", "/bulk/", "Bulk", {}),
    ],
)
def test_a_path_finds_its_route(method: str, path: str, name: str, parameters: dict[str, str]) -> None:
    """Letter case, doubled and trailing slashes do not matter; parameters are decoded and keep their case."""
    found = routes.find(method, path)
    assert found is not None
    assert (found[0].name, found[1]) == (name, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/Persons"),
        ("GET", "/Users/1/emails"),
        ("PATCH", "/Users"),
        ("POST", "/Users/1"),
        ("GET", "/xUsers"),
        ("GET", "/Users/.search"),
        ("DELETE", "/groups/.Search/"),
    ],
)
def test_a_path_or_method_that_is_not_offered_finds_nothing(method: str, path: str) -> None:
    """Neither unknown paths nor known ones with another method have a route."""
    assert routes.find(method, path) is None


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/Users", ["GET", "HEAD", "OPTIONS", "POST"]),
        ("/Groups/1/", ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"]),
        ("/Bulk", ["OPTIONS", "POST"]),
        ("/.search", ["OPTIONS", "POST"]),
        ("/Users/.search", ["OPTIONS", "POST"]),
        ("/Groups/.Search/", ["OPTIONS", "POST"]),
        ("/ServiceProviderConfig", ["GET", "HEAD", "OPTIONS"]),
        ("/Persons", []),
    ],
)
def test_the_methods_of_a_path_are_known(path: str, methods: list[str]) -> None:
    """What a 405 tells in Allow, and OPTIONS answers."""
    assert routes.allowed(path) == methods


def test_each_route_names_an_operation_of_a_tenant() -> None:
    """The table is data; a name in it that nothing performs would be found by a client only."""
    assert [each.name for each in routes.ROUTES if not callable(getattr(Operations, each.operation, None))] == []


def test_names_of_routes_are_unique() -> None:
    """Each is a function of its own in the portal."""
    names = [each.name for each in routes.ROUTES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/Users/.search", "/Groups/.SEARCH/", "/.search"])
async def test_a_search_that_is_not_a_post_is_told_so(http: Http, method: str, path: str) -> None:
    """405 with what is allowed, not 404 as if there were no user named so."""
    answer = await http.request(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, "OPTIONS, POST")
