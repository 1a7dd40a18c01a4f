"""Who may do what, over HTTP: `{Tenant URL}/access`, and `/access/.search` with the keys in the body."""

from typing import Any

from scim.directory.access import BY, Access, Entitled, Sought
from scim.protocol import entity_tag, sizes
from scim.protocol.active import is_active
from scim.protocol.errors import InvalidSyntax, InvalidValue, ScimError
from scim.service.messages import JSON, NO_STORE, Request, Response

MAX_USERS = 100
"""Users in one question."""
MAX_KEY = 1_000
"""Characters of a key that is asked for."""
FRESH_SECONDS = 30
"""How long an answer may be kept: a deactivation is seen that much later."""
_HEADERS = {"Vary": "Authorization", "Cache-Control": f"private, max-age={FRESH_SECONDS}"}
_NOT_KEPT = {**_HEADERS, **NO_STORE}


async def by_query(access: Access, request: Request) -> Response:
    """Answer a GET: `userName`, `externalId` or `id`, exactly one of them, and `nested=true` where nested groups count.

    Raises InvalidValue, NotFound, Conflict, TooMany.
    """
    given = [(name.lower(), value) for name, value in request.query() if value]
    if unknown := [name for name, _ in given if name not in (*map(str.lower, BY), "nested")]:
        raise InvalidValue(f"'{unknown[0][:60]}' is not known; there are {', '.join(BY)} and nested.")
    named = {name: {value for known, value in given if known == name.lower()} for name in (*BY, "nested")}
    if twice := [name for name, values in named.items() if len(values) > 1]:
        raise InvalidValue(f"{twice[0]} is given more than once, with different values.")
    body = {name: next(iter(values)) for name, values in named.items() if values}
    nested = body.pop("nested", "false").lower()
    if nested not in ("true", "false"):
        raise InvalidValue("nested must be true or false.")
    return await _one(access, request, _sought(body), nested == "true")


async def by_body(access: Access, request: Request) -> Response:
    """Answer a POST: one key as in by_query, or `users`, a list of 1 to 100 of them; and `nested`, true or false.

    A list is answered by a list in its order, in which an error stands for who is unknown or not one. It is not to be
    kept then: who is provisioned a moment later comes in at once.
    """
    body = request.json(sizes.RESOURCE)
    if not isinstance(body, dict):
        raise InvalidSyntax("The body must be a JSON object.")
    keys = {name: value for name, value in body.items() if name not in ("nested", "users")}
    nested, users = body.get("nested", False), body.get("users")
    if not isinstance(nested, bool):
        raise InvalidValue("nested must be true or false.")
    if users is None:
        return await _one(access, request, _sought(keys), nested)
    if keys or not isinstance(users, list) or not 1 <= len(users) <= MAX_USERS:
        raise InvalidValue(f"users must be a list of 1 to {MAX_USERS} keys, with no other key beside it.")
    answers = await access.of([_sought(each) for each in users], nested)
    told = [each.body() if isinstance(each, ScimError) else _told(each) for each in answers]
    whole = not any(isinstance(each, ScimError) for each in answers)
    return _response(request, {"users": told}, _HEADERS if whole else _NOT_KEPT)


async def _one(access: Access, request: Request, sought: Sought, nested: bool) -> Response:
    [answer] = await access.of([sought], nested)
    if isinstance(answer, ScimError):
        raise answer
    return _response(request, _told(answer))


def _sought(keys: Any) -> Sought:
    """Return what an object with one key asks for. Raises InvalidValue."""
    if not isinstance(keys, dict) or len(keys) != 1 or not set(keys) <= set(BY):
        raise InvalidValue(f"Name a user by exactly one of {', '.join(BY)}.")
    [(by, value)] = keys.items()
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_KEY:
        raise InvalidValue(f"{by} must be a text of 1 to {MAX_KEY:,} characters.", by)
    return Sought(by, value)


def _told(each: Entitled) -> dict[str, Any]:
    user = each.user
    return {
        "id": user.id,
        "userName": user.document.get("userName"),
        "externalId": user.document.get("externalId"),
        "active": is_active(user.document),
        "version": user.etag,
        "groups": [{"id": group, "displayName": name} for group, name in each.groups.items()],
        "roles": list(each.roles),
    }


def _response(request: Request, body: dict[str, Any], kept: dict[str, str] = _HEADERS) -> Response:
    """Return the answer, with an entity tag that is a hash of it: a membership changes no user's version."""
    tag = entity_tag.of_body(body)
    headers = {"ETag": tag, **kept}
    if request.method in ("GET", "HEAD") and request.knows(tag):
        return Response(304, headers=headers)
    return Response(200, body, headers, JSON)
