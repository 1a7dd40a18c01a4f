"""Whether a user is active: always known, and nothing but a value that means true makes somebody so."""

from collections.abc import Mapping
from typing import Any

from scim.protocol.errors import Mutability
from scim.protocol.resource import Resource
from scim.protocol.schema import ResourceType

ACTIVE = "active"
"""The path of the attribute. RFC 7643 §4.1.1 leaves open what its absence means; here it is never absent."""


def is_active(user: Mapping[str, Any]) -> bool:
    """Whether the user of a document is active; one that does not say, from an early version of the service, is."""
    return user.get(ACTIVE) is not False


def stated(resource_type: ResourceType, document: Resource, before: Mapping[str, Any] | None = None) -> Resource:
    """Return a document that says whether its user is active: as it says, else as `before` was, else yes.

    Silence must not let anybody in: who reads an absent `active` as true would. Groups come back as they are.
    """
    if ACTIVE not in resource_type.schema.attributes or document.get(ACTIVE) is not None:
        return document
    return {**document, ACTIVE: is_active(before or {})}


def removed() -> Mutability:
    """Return the error of a PATCH that removes `active`, which would leave open who may come in."""
    return Mutability(
        "active cannot be removed, a user is active or not. Replace it with false to disable the user.", "active"
    )
