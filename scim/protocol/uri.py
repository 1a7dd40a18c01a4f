"""Which texts are addresses: URI references, RFC 3986 §4.1, with the letters of every script, RFC 3987 §2.2."""

import re
from functools import cache

_LETTERS = (
    "\u00a1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff\u3001-\ud7ff"
    "\uf900-\ufdcf\ufdf0-\uffef\U00010000-\U000e0fff"
)
"""Characters outside ASCII, without the blanks among them."""


def _some(more: str) -> str:
    """Return the expression for characters of `pchar` and some more, which never goes back over what it has read."""
    part = rf"[a-zA-Z0-9\-._~{_LETTERS}!$&'()*+,;=:@{more}]*+"
    return f"{part}(?:%[0-9a-fA-F]{{2}}{part})*+"


@cache
def _uri_reference() -> re.Pattern[str]:
    """Return the expression, made when the first address comes: it takes longer than all other imports of a file."""
    return re.compile(
        rf"""
        (?: [a-zA-Z][a-zA-Z0-9+.\-]*+ : | (?! [^/?\#:]* : ) )         # a scheme, or no colon before the first slash
        (?: // (?: \[ [0-9a-zA-Z:.]++ \] (?: : [0-9]*+ )? | {_some("")} ) (?= [/?\#] | \Z ) )?
        {_some("/")}
        (?: \? {_some("/?")} )?
        (?: \# {_some("/?")} )?
        """,
        re.VERBOSE,
    )


def is_uri_reference(text: str) -> bool:
    """Whether a text is an address, absolute or relative; the time it takes grows with its length and no more.

    Blanks, control characters, quotes, `<>`, `{}`, `|`, `\\`, `^` and a `%` without two hexadecimal digits are part of
    none: strict clients cannot read the page on which such an "address" stands.
    """
    return _uri_reference().fullmatch(text) is not None
