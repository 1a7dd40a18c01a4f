"""What a receiver says of a token that it cannot use: the word and the text of RFC 8935 and RFC 8936."""

from collections.abc import Mapping
from typing import Any

MAX_WORD = 40
"""Characters of the word."""
MAX_DESCRIPTION = 300
"""Characters of the text behind it."""


def word_of(said: Mapping[str, Any]) -> str:
    """Return the `err` of an error, such as `invalid_audience`, as far as it may stand in a log; else `unknown`."""
    text = str(said.get("err", ""))[:MAX_WORD]
    return text if text.isascii() and text.isprintable() and text else "unknown"


def description_of(said: Mapping[str, Any]) -> str:
    """Return the `description` of an error, in one line; empty where there is none. It may not stand in a log."""
    text = said.get("description")
    shown = (each if each.isprintable() else " " for each in text[:MAX_DESCRIPTION]) if isinstance(text, str) else ()
    return "".join(shown).strip()
