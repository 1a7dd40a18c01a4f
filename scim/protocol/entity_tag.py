"""Entity tags: what tells one state of an answer from another. RFC 9110 §8.8.3."""

import hashlib
from typing import Any

from scim.protocol.resource import to_json


def of_body(body: Any) -> str:
    """Return the entity tag of a JSON body: a hash of it."""
    return of_content(to_json(body).encode(errors="replace"))


def of_content(content: bytes) -> str:
    """Return the entity tag of an answer's bytes: a hash of them."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def has(tags: str, tag: str) -> bool:
    """Whether a list of entity tags, as in If-Match and If-None-Match, has a tag or `*`.

    By weak comparison, RFC 9110 §8.8.3.2: the mark of weakness does not matter.
    """
    listed = [each.strip() for each in tags.split(",")]
    return "*" in listed or tag.removeprefix("W/") in [each.removeprefix("W/") for each in listed]
