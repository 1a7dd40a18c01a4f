"""The users and groups that all measurements write: what Entra's default mapping fills in for one user."""

from typing import Any

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Body = dict[str, Any]


def user(number: int, mark: str = "p") -> Body:
    """Return the body that creates a user; number and mark make its names unique."""
    name = user_name(number, mark)
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": external_id(number, mark),
        "userName": name,
        "active": True,
        "displayName": f"Mira Solberg {number}",
        "title": "Buyer",
        "preferredLanguage": "nb-NO",
        "name": {"formatted": f"Mira Solberg {number}", "givenName": "Mira", "familyName": f"Solberg {number}"},
        "emails": [{"primary": True, "type": "work", "value": name}],
        "phoneNumbers": [{"type": "work", "value": f"+47 22 {number:06d}"}],
        "addresses": [
            {
                "type": "work",
                "formatted": "Kai 1",
                "streetAddress": "Kai 1",
                "locality": "Oslo",
                "region": "Oslo",
                "postalCode": "0150",
                "country": "NO",
            }
        ],
        ENTERPRISE: {"department": "Purchasing", "employeeNumber": str(number)},
    }


def user_name(number: int, mark: str = "p") -> str:
    """Return the userName of a user."""
    return f"{mark}{number}@contoso.example"


def external_id(number: int, mark: str = "p") -> str:
    """Return the externalId of a user, as long as a real one."""
    return f"{number:08x}-{mark}-4f5e-8a2b-000000000000"


def group(name: str, members: list[str]) -> Body:
    """Return the body that creates a group."""
    return {"schemas": [GROUP], "displayName": name, "members": [{"value": each} for each in members]}


def patch(*operations: Body) -> Body:
    """Return a PatchOp."""
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


def changed_user(value: str) -> Body:
    """Return what Entra sends when a user was renamed: an attribute, and a value of a list."""
    return patch(
        {"op": "Replace", "path": "displayName", "value": value},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": f"{value}@contoso.example"},
    )


def added_member(member: str) -> Body:
    """Return what Entra sends when somebody joined a group."""
    return patch({"op": "Add", "path": "members", "value": [{"value": member}]})


def removed_member(member: str) -> Body:
    """Return what Entra sends when somebody left a group."""
    return patch({"op": "Remove", "path": "members", "value": [{"value": member}]})
