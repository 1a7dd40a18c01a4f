"""Headers, slashes, methods, unknown paths and the token: what comes before an operation."""

import gzip

import pytest

from scim.service.messages import PROTECTION, Response
from tests.conftest import BASE_URL, TOKEN, Http
from tests.service.asking import assert_error


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": ""},
        {"Accept": "text/html"},
        {"Accept": "application/xml;q=0.1"},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/scim+json; charset=utf-8"},
        {"Content-Type": "text/plain"},
        {"Accept-Encoding": "gzip", "Accept-Charset": "utf-8", "Connection": "close"},
        {"User-Agent": "odd\ud800\nagent"},
    ],
)
async def test_no_header_but_the_token_decides(http: Http, headers: dict[str, str]) -> None:
    """Entra sends no User-Agent, Google application/json, browsers text/html: all are served."""
    answer = await http.request("POST", "/Users", {"userName": "mira"}, headers)
    assert answer.status == 201


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "x-gzip", "identity, gzip", "x" * 500])
async def test_a_compressed_body_is_refused_with_what_is_taken(http: Http, coding: str) -> None:
    """415 says that it is the coding, and Accept-Encoding which one is taken. RFC 9110 §12.5.3, §15.5.16."""
    user = await http.user("mira")
    for method, path in (("POST", "/Users"), ("PATCH", f"/Users/{user['id']}"), ("PUT", f"/Users/{user['id']}")):
        headers = {"Content-Encoding": coding}
        answer = await http.request(method, path, headers=headers, content=gzip.compress(b'{"userName": "nils"}'))
        assert_error(answer, 415, detail=coding[:60].lower())
        assert answer.headers == {"Accept-Encoding": "identity"}
        assert len(answer.body["detail"]) < 200
    for path in ("/.search", "/Bulk"):
        assert_error(await http.request("POST", path, {}, {"Content-Encoding": coding}), 415)


@pytest.mark.parametrize("coding", ["", " ", "identity", "Identity "])
async def test_a_body_that_is_said_to_be_plain_is_taken(http: Http, coding: str) -> None:
    """And where there is no body, its coding does not matter."""
    user = await http.request("POST", "/Users", {"userName": "mira"}, {"Content-Encoding": coding})
    assert user.status == 201
    path = f"/Users/{user.body['id']}"
    for method, status in (("GET", 200), ("DELETE", 204)):
        assert (await http.request(method, path, headers={"Content-Encoding": "gzip"})).status == status


@pytest.mark.parametrize(
    "path", ["/Users/", "//Users", "/users", "/USERS//", "/Users?aadOptscim062020", "/Users?x=%FF"]
)
async def test_slashes_case_and_unknown_parameters_do_not_matter(http: Http, path: str) -> None:
    """A Tenant URL with a slash at its end, or with Entra's feature flag, works."""
    if "%FF" in path:
        assert_error(await http.request("GET", path), 400, "invalidValue")
        return
    assert (await http.request("GET", path)).body["totalResults"] == 0


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/Users", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/Users/x", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("GET", "/Bulk", "OPTIONS, POST"),
        ("DELETE", "/Schemas", "GET, HEAD, OPTIONS"),
        ("PATCH", "/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_method_that_a_path_does_not_take_is_refused(http: Http, method: str, path: str, allow: str) -> None:
    """405 with Allow, and the methods in the detail."""
    answer = await http.request(method, path, {})
    assert_error(answer, 405, detail=allow)
    assert answer.headers == {"Allow": allow, "Cache-Control": "no-store"}


@pytest.mark.parametrize("path", ["/Persons", "/Users/x/emails", "/../../etc/passwd", "/.search/x", "x"])
async def test_an_unknown_path_is_not_found_and_told_the_tenant_url(http: Http, path: str) -> None:
    """The usual cause is a Tenant URL that is wrong."""
    assert_error(await http.request("GET", path), 404, detail=BASE_URL)


async def test_options_answers_what_a_path_takes_without_a_token(http: Http) -> None:
    """204 with Allow; a path that is not there is told to nobody without a token."""
    answer = await http.request("OPTIONS", "/Users", headers={"Authorization": ""})
    assert answer == (204, {"Allow": "GET, HEAD, OPTIONS, POST", "Cache-Control": "no-store"}, None)
    assert_error(await http.request("OPTIONS", "/Persons", headers={"Authorization": ""}), 401)
    assert_error(await http.request("OPTIONS", "/Persons"), 404)


@pytest.mark.parametrize("path", ["/Users", "/Users/{id}", "/Schemas", "/ServiceProviderConfig", ""])
async def test_head_answers_like_get(http: Http, path: str) -> None:
    """With the same status and headers; the host leaves the body away."""
    user = await http.user("mira")
    path = path.format(id=user["id"])
    head, get = await http.request("HEAD", path), await http.request("GET", path)
    assert (head.status, head.headers) == (get.status, get.headers) != (404, {})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_me_is_not_implemented_and_says_why(http: Http, method: str) -> None:
    """501, which RFC 7644 §3.11 allows, for every method."""
    assert_error(await http.request(method, "/Me"), 501, detail="/Users")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \ud800"],
)
@pytest.mark.parametrize("path", ["/Users", "/Schemas", "/Me", "/Persons", "/Bulk"])
async def test_nothing_is_answered_without_the_token(http: Http, path: str, header: str) -> None:
    """401 with WWW-Authenticate and a SCIM body, for known and unknown paths alike; the token is not repeated."""
    answer = await http.request("GET", path, headers={"Authorization": header})
    assert_error(answer, 401, detail="token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert TOKEN[:-1] not in str(answer)


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
async def test_the_scheme_may_be_written_in_any_case(http: Http, scheme: str) -> None:
    """RFC 9110 §11.1."""
    assert (await http.request("GET", "/Users", headers={"Authorization": f"{scheme} {TOKEN}"})).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_chunked_body_is_told_to_be_lost(http: Http, method: str) -> None:
    """The Functions host hands on an empty one; "not JSON" would send somebody to look at the wrong place."""
    path = "/Users" if method == "POST" else f"/Users/{(await http.user('mira'))['id']}"
    answer = await http.request(method, path, headers={"Transfer-Encoding": "chunked"}, content=b"")
    assert_error(answer, 400, "invalidSyntax", detail="Content-Length")


async def test_an_empty_body_is_called_so(http: Http) -> None:
    """In place of where in a text without characters a reader of JSON has stopped."""
    for method, path in (("POST", "/Users"), ("PATCH", f"/Users/{'0' * 32}"), ("POST", "/.search"), ("POST", "/Bulk")):
        answer = await http.request(method, path, content=b"")
        assert (answer.status, answer.body["scimType"]) == (400, "invalidSyntax")
        assert answer.body["detail"] == "The body is empty; send a JSON object."


def test_a_header_is_sent_whatever_is_in_it() -> None:
    """The host answers an empty 500 to one that is not ASCII or has a line break, and logs that as a success."""
    response = Response(200, headers={"Location": "https://m\u00fcller.example/a\r\nb", "ETag": 'W/"1"', "X": "\ud800"})
    assert response.sendable_headers() == {
        **PROTECTION,
        "Location": "https://m%C3%BCller.example/a%0D%0Ab",
        "ETag": 'W/"1"',
        "X": "%3F",
    }
