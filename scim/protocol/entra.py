"""What Entra, Okta and others send beyond RFC 7643 and 7644, rewritten to what the RFCs say.

Each rule names who sends the form. They are on for every client: no request says which dialect it speaks, and one
job mixes them (https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-config-problem-scim-compatibility).
"""

import json
import math
import re
from typing import Any

from scim.protocol.resource import proper_date_time
from scim.protocol.schema import Attribute

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")


def rewrite_value(attribute: Attribute, value: Any) -> Any:
    """Return a value in the shape that the attribute's characteristics ask for, or None when it means "no value".

    What needs no rewriting, and what no rule covers, comes back as it is: validation judges it.
    """
    if attribute.multi_valued:
        return _as_list(value)
    return rewrite_single(attribute, value)


def rewrite_single(attribute: Attribute, value: Any) -> Any:
    """Return one value of the attribute in its proper shape; see `rewrite_value`."""
    if value == "":
        return None  # Entra's gallery test clears attributes with ""; Okta's PUT echoes "middleName": ""
    if attribute.type == "complex":
        return _as_object(attribute, value)
    if isinstance(value, str):
        return _as_scalar(attribute.type, value)
    return _as_digits(value) if attribute.type == "string" else value


def _as_digits(value: Any) -> Any:
    """HR exports, and mappings of Entra's type Integer, have numbers for employees, postal codes and telephones."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def unpacked(value: Any) -> Any:
    """Return the object, or the list of objects or texts, that a text holds as JSON; anything else as it is.

    Entra's AppRoleAssignments functions make such a text where the target attribute is not marked as multi-valued.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):  # the latter: JSON nested a thousand levels deep
        return value
    readable = isinstance(found, dict) or all(isinstance(each, (dict, str)) for each in found)
    return found if readable else value


def _as_list(value: Any) -> Any:
    """OneLogin sends `emails` as one object; a client that adds one value may leave the list away."""
    if value == "":
        return None
    if isinstance(listed := unpacked(value), list):
        return listed
    value = _as_digits(value)
    return [value] if isinstance(value, (dict, str)) else value


def _as_object(attribute: Attribute, value: Any) -> Any:
    if isinstance(value, str):
        value = _object_in(attribute, value)
    if isinstance(value, list) and len(value) == 1 and not attribute.multi_valued:
        value = value[0]  # Microsoft's page shows `manager` as a list of one object
    if sub := attribute.sub("value"):
        bare = _as_digits(value) if sub.type == "string" else value
        value = {sub.name: bare} if isinstance(bare, str) else value  # Entra's gallery test: manager is the bare id
    if isinstance(value, dict) and attribute.sub("display"):
        return _unpack_role(value)
    if isinstance(value, dict) and not attribute.multi_valued and attribute.sub("value"):
        return _unless_cleared(value)
    return value


def _object_in(attribute: Attribute, text: str) -> Any:
    """Return the object that a text holds, perhaps in a list of one; the text where it has no name that we know."""
    found = unpacked(text)
    if isinstance(found, list) and len(found) == 1 and not attribute.multi_valued:
        found = found[0]
    readable = any(map(attribute.sub, found)) if isinstance(found, dict) else isinstance(found, str)
    return found if readable else text


def _unless_cleared(value: dict[str, Any]) -> dict[str, Any] | None:
    """The validator clears the manager with {"value": ""}."""
    return None if any(name.lower() == "value" and item in ("", None) for name, item in value.items()) else value


def _unpack_role(value: dict[str, Any]) -> dict[str, Any]:
    """AppRoleAssignmentsComplex puts a JSON text into `value`: {"id", "value", "displayName"}.

    https://learn.microsoft.com/entra/identity/app-provisioning/customize-application-attributes
    """
    role = unpacked(value.get("value"))
    if isinstance(role, dict) and isinstance(role.get("value"), str):
        named = {**value, "value": role["value"]}
        if isinstance(role.get("displayName"), str):
            named.setdefault("display", role["displayName"])
        return named
    if "displayName" in value and "display" not in value:  # AppRoleAssignmentsComplex on POST
        return {**value, "display": value["displayName"]}
    return value


def _as_scalar(kind: str, value: str) -> Any:
    """Entra's default dialect sends every value as a string: "False", "True", "42"."""
    if kind == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if kind in ("integer", "decimal") and _INTEGER.fullmatch(value):
        return int(value)  # a decimal too: beyond 2**53 a float is another number
    if kind == "decimal" and _DECIMAL.fullmatch(value):
        return _as_float(value)
    if kind == "dateTime":
        return proper_date_time(value)  # Java's formats write +0000, SQL's a blank for the T
    return value


def _as_float(text: str) -> Any:
    """Return the number, rounded as JSON's are; the text, which is refused, where more than its fraction changes."""
    number, whole = float(text), text.partition(".")[0]
    if not math.isfinite(number) or ("e" not in text.lower() and int(number) != int(whole)):
        return text
    return number
