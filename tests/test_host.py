"""What the Functions host does with an address and with headers, as it was seen: paths, order, joining."""

import pytest

from scim.host import BadTarget, HttpTrigger, find, in_order, is_sendable, joined, passed_on, target


def trigger(name: str, route: str, *methods: str) -> HttpTrigger:
    return HttpTrigger(name, frozenset(methods or ("GET",)), route)


@pytest.mark.parametrize(
    ("sent", "parameter", "url"),
    [
        ("a%2Fb", "a%2Fb", "a%2Fb"),
        ("a%0d%0ab", "a\r\nb", "a%0D%0Ab"),
        ("b%2Bc%25d", "b+c%d", "b+c%25d"),
        ("a%2525", "a%25", "a%25"),
        ("%FF", "%FF", "%FF"),
        ("a%5Cb", "a\\b", "a%5Cb"),
        ("m%C3%BCller", "m\u00fcller", "m%C3%BCller"),
        ("AbC", "AbC", "AbC"),
    ],
)
def test_a_segment_is_decoded_once_and_encoded_anew(sent: str, parameter: str, url: str) -> None:
    """The table of what was seen: what a function gets as parameter, and in `req.url`."""
    asked = target(f"/scim/v2/Users/{sent}?q={sent}")
    found = find([trigger("X", "scim/v2/Users/{id}")], "GET", asked.path)
    assert found is not None
    assert found[1] == {"id": parameter}
    assert asked.url == f"/scim/v2/Users/{url}?q={sent}"


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ("/a/../b", "/b"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/./b/", "/a/b/"),
        ("/a/..", "/"),
        ("/../../a", "/a"),
        ("//a", "//a"),
        ("/t//v2/Things", "/t//v2/Things"),
        ("/%55sers", "/Users"),
        ("http://x.example/a?b", "/a"),
        ("http://x.example", "/"),
    ],
)
def test_a_path_is_resolved_before_it_is_looked_up(sent: str, path: str) -> None:
    """Dots, encoded ones too; slashes stay."""
    assert target(sent).path == path


def test_a_nul_is_refused() -> None:
    """By the host itself, with 400."""
    with pytest.raises(BadTarget):
        target("/a%00b")


@pytest.mark.parametrize(
    ("route", "path", "expected"),
    [
        ("scim/v2/Users/{id}", "/SCIM/v2/users/AbC", {"id": "AbC"}),
        ("scim/v2/Users/{id}", "/scim/v2/Users/a/", {"id": "a"}),
        ("scim/v2/Users/{id}", "/scim/v2/Users/a//", None),
        ("scim/v2/Users/{id}", "/scim/v2/Users/a/b", None),
        ("scim/v2/Users/{id}", "/scim/v2/Users", None),
        ("{tenant}/v2/Users/{id}", "/Contoso/V2/Users/1", {"tenant": "Contoso", "id": "1"}),
        ("scim/v2/.search", "/scim/v2/xsearch", None),
        ("{*path}", "/a/b c", {"path": "a/b c"}),
        ("{*path}", "/a\r\nb", {"path": "a\r\nb"}),
        ("{*path}", "/", {"path": ""}),
        ("{*path}", "//a", None),
    ],
)
def test_a_route_tells_its_parameters(route: str, path: str, expected: dict[str, str] | None) -> None:
    """One slash at the end is ignored, a path that begins with two is nobody's."""
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
    assert [each.name for each in in_order(trigger(name, name) for name in names)] == ["A", "b", "C", "Z", "_x"]


@pytest.mark.parametrize("route", ["admin", "/Admin/x", "administrator/x", "runtime/x", "RUNTIMES"])
def test_a_reserved_route_is_left_out(route: str) -> None:
    """The function is in error, and the others run."""
    assert [each.name for each in in_order([trigger("A", route), trigger("B", "xadmin")])] == ["B"]


def test_of_two_functions_with_one_route_and_method_the_second_is_left_out() -> None:
    """With another method both run."""
    functions = [trigger("B", "X/{id}"), trigger("A", "x/{id}/"), trigger("C", "x/{id}", "POST")]
    assert [each.name for each in in_order(functions)] == ["A", "C"]


def test_a_method_that_a_function_does_not_take_goes_on_to_the_next() -> None:
    """And to nobody, when there is none; `get` is GET."""
    functions = in_order([trigger("A", "x"), trigger("B", "x", "POST")])
    found = [find(functions, method, "/x") for method in ("GET", "get", "POST", "HEAD", "OPTIONS", "PURGE")]
    assert [each[0].name if each else None for each in found] == ["A", "A", "B", None, None, None]


def test_repeated_headers_are_joined() -> None:
    """Without a blank, Authorization and Cookie too; an empty value stays."""
    sent = [("Authorization", "Bearer a"), ("X", ""), ("AUTHORIZATION", "Bearer b"), ("Cookie", "1"), ("cookie", "2")]
    assert joined(sent) == {"authorization": "Bearer a,Bearer b", "x": "", "cookie": "1,2"}


def test_a_chunked_body_is_lost() -> None:
    """Also beside a Content-Length."""
    assert passed_on({"content-length": "2"}, b"{}") == b"{}"
    assert passed_on({"transfer-encoding": "gzip, Chunked", "content-length": "2"}, b"{}") == b""


@pytest.mark.parametrize(("value", "expected"), [("a b", True), ("\u00fc", False), ("a\r\nb", False), ("a\nb", False)])
def test_some_headers_cannot_be_sent(value: str, expected: bool) -> None:
    """The client gets an empty 500 in their place."""
    assert is_sendable({"X": "y", "Location": value}) is expected
