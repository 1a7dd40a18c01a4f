"""What the tests of the SCIM rooms share: the schemas with Contoso's extension, a user, and short ways to PATCH."""

import os
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

from scim.protocol.patch import Change, apply
from scim.protocol.resource import Resource
from scim.protocol.schema import load_schemas
from scim.service.bodies import patch_operations

EXTENSIONS = Path(__file__).parent / "extensions"
SCHEMAS = load_schemas(EXTENSIONS)
USER, GROUP = SCHEMAS.user, SCHEMAS.group
CORE = USER.schema.id
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CONTOSO = "urn:ietf:params:scim:schemas:extension:Contoso:2.0:User"
MIRA: Resource = {
    "id": "0123456789abcdef0123456789abcdef",
    "externalId": "5d0e7d0c",
    "userName": "mira@contoso.example",
    "active": True,
    "displayName": "Mira Solberg",
    "name": {"givenName": "Mira", "familyName": "Solberg"},
    "emails": [
        {"value": "mira@contoso.example", "type": "work", "primary": True},
        {"value": "mira@home.example", "type": "home"},
    ],
    ENTERPRISE: {"department": "Sea", "manager": {"value": "26118915", "$ref": "https://x.example/Users/26118915"}},
}
BARE: Resource = {"userName": "bare@contoso.example"}
WORK, HOME = MIRA["emails"]
MANAGER = f"{ENTERPRISE}:manager"


def patched(current: Resource, *operations: dict[str, Any]) -> Resource:
    """Return the user that the operations make of the current one."""
    return apply(USER, current, patch_operations({"Operations": list(operations)})).resource


def patched_group(*operations: dict[str, Any], members: list[Resource] | None = None) -> Change:
    """Return what the operations change of a group."""
    crew = {"id": "fedcba9876543210fedcba9876543210", "displayName": "Crew"}
    return apply(GROUP, crew, patch_operations({"Operations": list(operations)}), members)


def examples(number: int) -> settings:
    """Return settings for a test on so many generated cases, which are the same each time where CI is set."""
    return settings(
        max_examples=number,
        deadline=None,  # how fast the machine is today is no property
        database=None,
        derandomize="CI" in os.environ,
        suppress_health_check=[HealthCheck.too_slow],
    )


def op(op: str, path: str | None = None, value: Any = ...) -> dict[str, Any]:
    """Return an operation; without a path or a value where none is given."""
    made = {"op": op, "path": path, "value": value}
    return {name: item for name, item in made.items() if item is not ... and not (name == "path" and item is None)}


def with_contoso(**attributes: Any) -> Resource:
    return {**BARE, CONTOSO: {"clearance": "office", **attributes}}
