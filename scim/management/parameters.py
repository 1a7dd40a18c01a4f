"""The query parameters of `/manage/v1`: which there are, and what they may say."""

from collections.abc import Mapping, Sequence
from typing import Any

from scim.protocol import sizes
from scim.protocol.errors import InvalidValue
from scim.service.messages import Request

MAX_TEXT = 200
"""Characters of what is searched for."""
MAX_CURSOR = 2_000
MAX_COUNT = 200
"""Things on one page."""


def given(asked: Sequence[tuple[str, str]], known: Sequence[str], where: str) -> dict[str, str]:
    """Return the parameters that are not empty. Raises InvalidValue on one that is unknown or too long."""
    found = {name: value.strip() for name, value in asked if value.strip()}
    for name, value in found.items():
        if name not in known:
            raise InvalidValue(f"'{name[:60]}' is no parameter of {where}; there are {', '.join(known)}.")
        most = MAX_CURSOR if name == "cursor" else MAX_TEXT
        if len(value) > most:
            raise InvalidValue(f"{name} has {len(value):,} characters; the limit is {most:,}.")
    return found


def count_of(parameters: Mapping[str, str], most: int = MAX_COUNT, usual: int = 50) -> int:
    """Return how many things are asked for. Raises InvalidValue."""
    text = parameters.get("count", str(usual))
    if text.isascii() and text.isdecimal() and len(text) < 7 and 1 <= int(text) <= most:
        return int(text)
    raise InvalidValue(f"count must be a whole number from 1 to {most:,}.")


def members(request: Request, expected: Mapping[str, type]) -> dict[str, Any]:
    """Return the members of the body. Raises InvalidValue on one that is not expected or of another type."""
    body = request.json(sizes.RESOURCE)
    if not isinstance(body, dict):
        raise InvalidValue("The body must be a JSON object.")
    for name, value in body.items():
        if name not in expected:
            raise InvalidValue(f"'{name[:60]}' is not known; there are {', '.join(expected)}.")
        if type(value) is not expected[name]:
            raise InvalidValue(f"{name} must be a JSON {_TYPES[expected[name]]}.")
    return body


_TYPES = {str: "string", bool: "boolean", int: "whole number", dict: "object", list: "array"}
