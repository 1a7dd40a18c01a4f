"""The attribute mapping of the Zip app: which paths Entra writes, and their place in a resource."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
# Entra adds this second schema to every group; nothing defines it and a service drops it.
ADSCIM_GROUP = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"

EMAIL = 'emails[type eq "work"].value'
PHONE = 'phoneNumbers[type eq "work"].value'
MANAGER = f"{ENTERPRISE}:manager"

# Short names, as CSV columns and JSON keys use them, with the target attribute of the mapping.
COLUMNS: Mapping[str, str] = {
    "userName": "userName",
    "externalId": "externalId",
    "email": EMAIL,
    "preferredLanguage": "preferredLanguage",
    "givenName": "name.givenName",
    "familyName": "name.familyName",
    "formatted": 'addresses[type eq "work"].formatted',
    "streetAddress": 'addresses[type eq "work"].streetAddress',
    "locality": 'addresses[type eq "work"].locality',
    "region": 'addresses[type eq "work"].region',
    "postalCode": 'addresses[type eq "work"].postalCode',
    "country": 'addresses[type eq "work"].country',
    "phone": PHONE,
    "department": f"{ENTERPRISE}:department",
    "employeeNumber": f"{ENTERPRISE}:employeeNumber",
}

_PATH = re.compile(r'(?:(?P<extension>urn:.+):)?(?P<name>\w+)(?:\[type eq "(?P<type>\w+)"\])?(?:\.(?P<sub>\w+))?')


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path points: extension, attribute, the "type" of one of several values, sub-attribute."""

    extension: str | None
    name: str
    type: str | None
    sub: str | None


@lru_cache(maxsize=256)
def place(path: str) -> Place:
    """Return the place that a target attribute of the mapping names. Raises ValueError for other text."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError(f"{path} is not an attribute path of the mapping")
    return Place(match["extension"], match["name"], match["type"], match["sub"])


def read(resource: Mapping[str, Any], path: str) -> list[Any]:
    """Return every value at `path`: none when absent, more than one when a "type" occurs twice."""
    at = place(path)
    holder = resource.get(at.extension) if at.extension else resource
    value = holder.get(at.name) if isinstance(holder, Mapping) else None
    if at.type is not None:
        values = value if isinstance(value, list) else []
        found = [v.get(at.sub) for v in values if isinstance(v, Mapping) and v.get("type") == at.type]
    elif at.sub is not None:
        found = [value.get(at.sub)] if isinstance(value, Mapping) else []
    else:
        found = [value]
    # RFC 7643 section 2.5: null and an absent attribute are the same state.
    return [v for v in found if v is not None]


def write(resource: dict[str, Any], path: str, value: str) -> None:
    """Put `value` at `path` into the body of a create request, as Entra nests it."""
    at = place(path)
    holder = resource.setdefault(at.extension, {}) if at.extension else resource
    if at.type is not None:
        values = holder.setdefault(at.name, [])
        if not values:
            # Only the e-mail address is marked primary in what Entra posts.
            values.append({"primary": True, "type": at.type} if at.name == "emails" else {"type": at.type})
        values[0][at.sub] = value
    elif at.sub is not None:
        holder.setdefault(at.name, {})[at.sub] = value
    else:
        holder[at.name] = value


def manager_of(resource: Mapping[str, Any]) -> str | None:
    """Return the id of the manager that a user resource shows, None when it shows none or an empty one."""
    values = read(resource, MANAGER)
    identifier = values[0].get("value") if values and isinstance(values[0], Mapping) else None
    return identifier if isinstance(identifier, str) and identifier else None


def member_ids(group: Mapping[str, Any]) -> set[str]:
    """Return the ids of the members that a group resource shows."""
    members = group.get("members")
    values = [m.get("value") for m in members if isinstance(m, Mapping)] if isinstance(members, list) else []
    return {value for value in values if isinstance(value, str)}


def user_body(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return the POST /Users body: no manager, an empty `roles`, `active` a JSON boolean."""
    body: dict[str, Any] = {"schemas": [USER_SCHEMA, ENTERPRISE], "active": True}
    for path, value in attributes.items():
        write(body, path, value)
    body["meta"] = {"resourceType": "User"}
    body["roles"] = []
    return body


def group_body(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return the POST /Groups body: both schemas, never members."""
    body: dict[str, Any] = {"schemas": [GROUP_SCHEMA, ADSCIM_GROUP]}
    for path, value in attributes.items():
        write(body, path, value)
    body["meta"] = {"resourceType": "Group"}
    return body
