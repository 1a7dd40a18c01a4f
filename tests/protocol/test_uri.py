"""Addresses: what is no URI reference is refused, since strict clients cannot read the page on which it stands."""

import re
from typing import Any

import pytest

from scim.protocol.errors import InvalidValue
from scim.protocol.uri import is_uri_reference
from scim.protocol.validation import read_resource
from tests.samples import BARE, CONTOSO, ENTERPRISE, USER, op, patched, with_contoso

GOOD = [
    "https://contoso.example/people/mira?size=2&tag=%C3%A5#top",
    "http://mira:secret@contoso.example:8080/",
    "http://[2001:db8::1]:80/photo",
    "//contoso.example/photo",
    "/Users/26118915",
    "../Users/26118915",
    "photos/mira.png",
    "26118915",
    "?q",
    "#f",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "mailto:mira@contoso.example",
    "data:image/png;base64,iVBORw0KGgo+/==",
    "https://contoso.example/in/j\u00fcrgen",
    "https://\u4f8b\u3048.example/",
]
BAD = [
    "not a url",
    "face of Mira.png",
    "https://contoso.example/a b",
    " https://contoso.example",
    "https://contoso.example ",
    "https://contoso.example\n",
    "a\tb",
    "a\u00a0b",
    "a\u2003b",
    "a\u0000b",
    "a\u007fb",
    "a\u0085b",
    '"https://contoso.example"',
    "<https://contoso.example>",
    "https://contoso.example/{id}",
    "C:\\photos\\mira.png",
    "a|b",
    "a^b",
    "a`b",
    "50%",
    "a%zz",
    "#a#b",
    "1:2",
    "http://[::1",
    "http://[::1]x",
]


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_absolute_or_relative(text: str) -> None:
    """RFC 3986 section 4.1; letters of other scripts are taken as they are, as browsers show and people paste them."""
    assert is_uri_reference(text)


@pytest.mark.parametrize("text", BAD)
def test_what_has_a_blank_or_a_control_character_is_no_address(text: str) -> None:
    """Nor what has a character that RFC 3986 has no place for."""
    assert not is_uri_reference(text)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("profileUrl", {"profileUrl": "not a url"}),
        ("photos.value", {"photos": [{"value": "face of Mira.png", "type": "photo"}]}),
        ("photos.value", {"photos": ["face of Mira.png"]}),
        (f"{ENTERPRISE}:manager.$ref", {ENTERPRISE: {"manager": {"value": "26", "$ref": "the boss"}}}),
        (f"{CONTOSO}:handbook", with_contoso(handbook="page 7")),
    ],
)
def test_a_body_with_what_is_no_address_is_refused(path: str, body: dict[str, Any]) -> None:
    """Also below, in a list, and in an extension; the detail says which attribute and what is wrong."""
    expected = f"{path} must be an address, a URI reference of RFC 3986 without blanks."
    with pytest.raises(InvalidValue, match=f"^{re.escape(expected)}$"):
        read_resource(USER, {**BARE, **body})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("profileUrl", "not a url"),
        ('photos[type eq "photo"].value', "face of Mira.png"),
        ("photos", [{"value": "face of Mira.png"}]),
        (f"{ENTERPRISE}:manager", {"value": "26", "$ref": "the boss"}),
        (f"{CONTOSO}:handbook", "page 7"),
        (None, {"profileUrl": "not a url"}),
    ],
)
@pytest.mark.parametrize("verb", ["add", "replace"])
def test_a_patch_with_what_is_no_address_is_refused(verb: str, path: str | None, value: Any) -> None:
    """Nothing of the request is applied."""
    with pytest.raises(InvalidValue, match="URI reference"):
        patched(with_contoso(), op(verb, "title", "Captain"), op(verb, path, value))


def test_an_empty_address_is_none() -> None:
    """As of every other attribute."""
    assert read_resource(USER, {**BARE, "profileUrl": "", "photos": [{"value": "", "type": "photo"}]}) == BARE
