"""Requests, responses and the JSON in them."""

import json
from typing import Any

import pytest

from scim.protocol.errors import InvalidSyntax, InvalidValue, PayloadTooLarge, Unavailable
from scim.protocol.sizes import RESOURCE, SEARCH
from scim.service.messages import MAX_DEPTH, Request, Response, error_response, parse_json


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1, "A": [true, null]}', {"a": 1, "A": [True, None]}),
        (b"\xef\xbb\xbf{}", {}),
        ('"\u00fc\U0001f600"'.encode(), "\u00fc\U0001f600"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (nested(MAX_DEPTH), json.loads(nested(MAX_DEPTH))),
    ],
)
def test_json_is_read(body: bytes, value: Any) -> None:
    """UTF-8 with or without a byte order mark, whole surrogate pairs, and nesting up to the limit."""
    assert parse_json(body) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'"\xff"', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": [-Infinity]}', "-Infinity"),
        (b'{"a": 1, "b": {"c": 2, "c": 2}}', "'c' is given twice"),
        (rb'{"a": "\ud800"}', "surrogate"),
        (rb'{"\udfff": 1}', "surrogate"),
        (b"9" * 5000, "not JSON: a number has too many digits.$"),
        (nested(MAX_DEPTH + 1), "nests"),
        (nested(100_000), "nests"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, "nests"),
    ],
)
def test_what_readers_would_understand_differently_is_refused(body: bytes, reason: str) -> None:
    """Each mistake is invalidSyntax that says what it is; RFC 8259 §4 and §8 leave such texts to chance."""
    with pytest.raises(InvalidSyntax, match=reason):
        parse_json(body)


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    """The limit is on bytes; a body of exactly so many is read."""
    exact = Request("POST", "https://x.example", body=b'"' + b"a" * (RESOURCE.length - 2) + b'"')
    assert exact.json(RESOURCE) == "a" * (RESOURCE.length - 2)
    with pytest.raises(PayloadTooLarge, match="1,048,577 bytes"):
        Request("POST", "https://x.example", body=b"{" * (RESOURCE.length + 1)).json(RESOURCE)


def test_a_body_of_too_many_values_is_refused_before_it_is_read() -> None:
    """A million empty objects fit into 4 MiB and would take a second to build; what is refused need not be JSON."""
    assert Request("POST", "https://x.example", body=b"[" + b"{}," * 997 + b"{}]").json(SEARCH) == [{}] * 998
    with pytest.raises(PayloadTooLarge, match="about 2,002 values; the limit is 2,000"):
        Request("POST", "https://x.example", body=b"[" + b"{}," * 1000).json(SEARCH)


@pytest.mark.parametrize(
    ("url", "path", "origin"),
    [
        ("https://x.example/scim/v2/Users/a%20b?q=/z", "/scim/v2/Users/a%20b", "https://x.example"),
        ("http://127.0.0.1:7071/SCIM/v2//Users/", "/SCIM/v2//Users/", "http://127.0.0.1:7071"),
        ("https://x.example", "/", "https://x.example"),
        ("https://[bad/scim/v2/Users", "/scim/v2/Users", "https://[bad"),
        ("https://x.example?filter=https://y.example/z", "/", "https://x.example"),
    ],
)
def test_path_and_origin_are_those_of_the_url(url: str, path: str, origin: str) -> None:
    """The path stays encoded, and no Host header, however wrong, makes reading it fail."""
    request = Request("GET", url)
    assert (request.path, request.origin) == (path, origin)


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", []),
        ("filter=userName+eq+%22a%2Bb%40x%22", [("filter", 'userName eq "a+b@x"')]),
        ("Filter=userName%20eq%20%22a%22&STARTINDEX=3", [("Filter", 'userName eq "a"'), ("STARTINDEX", "3")]),
        ("cursor", [("cursor", "")]),
        ("cursor=&count=2", [("cursor", ""), ("count", "2")]),
        ("count=1&count=2", [("count", "1"), ("count", "2")]),
        ("attributes%5B%5D=id", [("attributes[]", "id")]),
        ("filter=%C3%BC", [("filter", "\u00fc")]),
        ('filter=userName+eq+"a=b"', [("filter", 'userName eq "a=b"')]),
    ],
)
def test_query_parameters_are_decoded(query: str, parameters: list[tuple[str, str]]) -> None:
    """Plus and %20 are blanks, and what is empty or repeated stays: what it means is not known here."""
    assert Request("GET", f"https://x.example/Users?{query}").query() == parameters


def test_a_parameter_that_is_not_utf_8_is_an_invalid_value() -> None:
    """It cannot be decoded, which is the client's mistake."""
    with pytest.raises(InvalidValue, match="UTF-8"):
        Request("GET", "https://x.example/Users?filter=%FF").query()


def test_a_response_is_written_as_utf_8_json() -> None:
    """Text goes as it is; half a surrogate pair, which only an error's detail can have, does not break the answer."""
    assert Response(200, {"a": "\u00fc"}).content() == b'{"a":"\xc3\xbc"}'
    assert Response(400, "\ud800").content() == b'"?"'
    assert Response(204).content() == b""


def test_an_error_becomes_its_body_and_headers() -> None:
    """`status` is a string in the message, and the headers of the error go along."""
    response = error_response(Unavailable("Later.", retry_after=7))
    assert (response.status, response.headers) == (503, {"Retry-After": "7"})
    assert response.body == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "503",
        "detail": "Later.",
    }


def test_a_doubled_name_among_very_many_is_told_at_once() -> None:
    """A body of the greatest size may have some hundred thousand names: each is looked at once."""
    names = ",".join(f'"k{number}":0' for number in range(200_000))
    with pytest.raises(InvalidSyntax, match="'k7' is given twice"):
        parse_json(f'{{{names},"k7":0}}'.encode())
