"""The OpenAPI 3.1 document of `/manage/v1`, made of the table of its routes."""

import re
from typing import Any

from scim.access.tenants import MAX_NAME
from scim.directory.capture import MAX_MINUTES, MAX_REQUESTS
from scim.directory.guards import MODES
from scim.directory.roles import MAX_ROLE
from scim.service import download
from scim.service.activity import PARAMETERS
from scim.service.captures import DEFAULT_MINUTES, VALUES
from scim.service.events import TYPES
from scim.service.management_routes import PREFIX, ROUTES, ManageRoute
from scim.service.reading import FIND, PAGE

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_TEXTS: Schema = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 20}
_TYPES: Schema = {"type": "array", "items": {"enum": list(TYPES)}}
_ON_FAILURE: Schema = {"enum": ["stop", "skip"]}
_GUARD: Schema = {"enum": list(MODES)}
_SCOPE: Schema = {"enum": ["provision", "read", "events", "admin"]}


def _object(required: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _or_null(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_FEDERATION = _object(
    "entraTenant subjects audiences",
    entraTenant=_TEXT,
    subjects=_TEXTS,
    audiences=_TEXTS,
    cloud={"enum": ["public", "usgov", "china"]},
)
_NUMBER: Schema = {"type": "integer"}
_REQUEST: Schema = {
    "time": _TIME,
    **dict.fromkeys(("tenant", "credential", "client", "function", "method", "path", "id", "name"), _TEXT),
    **dict.fromkeys(("scimType", "detail", "requestId"), _TEXT),
    "attributes": {"type": "array", "items": _TEXT},
    "milliseconds": {"type": "number"},
    **dict.fromkeys(("status", "storageCalls", "times"), _NUMBER),
    "testConnection": {"type": "boolean"},
}
_FIGURES: Schema = {
    **dict.fromkeys(("requests", "failures", "testConnections", "storageCalls"), _NUMBER),
    **dict.fromkeys(("p50", "p95"), _or_null({"type": "number", "description": "Milliseconds, estimated."})),
}
_SUMMARY: Schema = {
    **dict.fromkeys(("id", "displayName", "externalId"), _TEXT),
    **dict.fromkeys(("created", "lastModified"), _TIME),
}
_COUNTS: Schema = {"type": "object", "additionalProperties": _NUMBER}
_PERIOD = _object(
    "requests failures points",
    **_FIGURES,
    statuses=_COUNTS,
    failuresByScimType=_COUNTS,
    points={"type": "array", "items": _object("time requests failures", time=_TIME, **_FIGURES)},
)
_STATES: Schema = {"description": "ok, or what is wrong", "type": "string"}
_OVERVIEW: Schema = {
    **dict.fromkeys(("users", "activeUsers", "inactiveUsers", "groups"), _NUMBER),
    "memberships": _or_null(_object("count time", count=_NUMBER, time=_TIME))
    | {"description": "As the timer counted them last, once a day; null before that."},
    "silence": _object(
        "state since expectedMinutes",
        state={"enum": ["ok", "silent", "never"]},
        since=_or_null(_TIME) | {"description": "The last request of 30 days."},
        expectedMinutes=_NUMBER | {"description": "How often Entra comes."},
    ),
    "quarantine": _object(
        "risk reasons",
        risk={"enum": ["none", "watch", "high"]},
        reasons={
            "type": "array",
            "items": _object(
                "reason count", reason={"enum": ["refusedLogins", "manyFailures", "serverErrors"]}, count=_NUMBER
            ),
        },
    ),
    "service": _object("storage tokens", **dict.fromkeys(("storage", "tokens", "timer"), _STATES)),
    "feed": _object("last waiting waitingSince", last=_NUMBER, waiting=_NUMBER, waitingSince=_or_null(_TIME)),
    "webhooks": {"type": "array", "items": _ref("WebhookState")},
    **dict.fromkeys(("lastRequest", "lastSuccess", "lastChange"), _or_null(_TIME)),
    "day": _PERIOD,
    "month": _PERIOD,
    "credentialsExpiring": {"type": "array", "items": _ref("Credential")},
}
SCHEMAS: dict[str, Schema] = {
    "Tenant": _object(
        "key name status tenantUrl",
        key=_TEXT,
        name=_TEXT,
        status={"enum": ["active", "suspended", "deleting"]},
        tenantUrl={"type": "string", "format": "uri"},
        created=_TIME,
        due=_TIME | {"description": "Of a tenant that is being deleted: when its rows go."},
        retentionDays={"type": "integer"},
        rate={"type": "integer"},
        burst={"type": "integer"},
        seats={"type": "integer", "description": "The most active users; any number where it is not there."},
        filterable={"type": "array", "items": _TEXT},
        secretToken=_TEXT | {"description": "At creation only, and never again."},
    ),
    "Tenants": _object(
        "caller tenants",
        caller=_object("scope", scope={"enum": ["operator", "admin"]}),
        tenants={"type": "array", "items": _ref("Tenant")},
    ),
    "NewTenant": _object("name", name=_NAME),
    "TenantChange": _object(
        "",
        name=_NAME,
        status={"enum": ["active", "suspended"]},
        retentionDays=_or_null({"type": "integer", "minimum": 1, "maximum": 36_500}),
        rate=_or_null({"type": "integer", "minimum": 1, "maximum": 100_000}),
        burst=_or_null({"type": "integer", "minimum": 1, "maximum": 1_000_000}),
        seats=_or_null({"type": "integer", "minimum": 0, "maximum": 10_000_000}),
        filterable=_or_null({"type": "array", "items": _TEXT, "maxItems": 50}),
    ),
    "Credential": _object(
        "id tenant name scope kind status created expires lastUsed strict",
        id=_TEXT,
        tenant=_TEXT,
        name=_TEXT,
        scope=_SCOPE,
        kind={"enum": ["token", "client", "federated"]},
        status={"enum": ["active", "expired", "revoked"]},
        created=_TIME,
        expires=_or_null(_TIME),
        lastUsed=_or_null({"type": "string", "format": "date"}),
        strict={"type": "boolean"},
        federation=_FEDERATION,
        secretToken=_TEXT | {"description": "At creation only, and never again."},
        clientId=_TEXT,
        clientSecret=_TEXT | {"description": "At creation only, and never again."},
        tokenUrl={"type": "string", "format": "uri"},
    ),
    "Credentials": _object("credentials", credentials={"type": "array", "items": _ref("Credential")}),
    "NewCredential": _object(
        "name scope",
        name=_NAME,
        scope=_SCOPE,
        oauth={"type": "boolean", "description": "An OAuth client in place of a secret token."},
        expires=_TEXT | {"description": "A date or a time."},
        strict={"type": "boolean"},
        federation=_FEDERATION,
    ),
    "Renewal": _object("", expires=_TEXT),
    "Access": _object(
        "id displayName externalId roles",
        id=_TEXT,
        displayName=_TEXT,
        externalId=_or_null(_TEXT),
        roles={"type": "array", "items": _TEXT},
    ),
    "Accesses": _object("groups", groups={"type": "array", "items": _ref("Access")}),
    "NewAccess": _object(
        "group role",
        group=_TEXT | {"description": "Its id, displayName or externalId; it is found once, and its id is kept."},
        role={"type": "string", "minLength": 1, "maxLength": MAX_ROLE},
    ),
    "Guards": _object(
        "groups",
        groups={
            "type": "array",
            "items": _object("id displayName guard", id=_TEXT, displayName=_TEXT, guard=_GUARD),
        },
    ),
    "NewGuard": _object("group", group=_TEXT | {"description": "Its id, displayName or externalId."}, guard=_GUARD),
    "Schemas": _object("schemas", schemas={"type": "array", "items": {"type": "object"}}),
    "Schema": {"type": "object", "required": ["id"], "description": "A schema document of RFC 7643 section 7."},
    "Urn": _object("id", id=_TEXT),
    "Webhook": _object(
        "id url types onFailure enabled whyDisabled created",
        id=_TEXT,
        url={"type": "string", "format": "uri"},
        types=_TYPES | {"description": "Those that it gets; none is all."},
        onFailure=_ON_FAILURE,
        enabled={"type": "boolean"},
        whyDisabled=_or_null(_TEXT),
        created=_TIME,
        secret=_TEXT | {"description": "At creation and rotation."},
        lastSuccess=_or_null(_TIME),
        lastError=_or_null(_TEXT),
        lastFailure=_or_null(_TIME),
        failures={"type": "integer", "description": "Of the event that is next."},
        nextAttempt=_or_null(_TIME),
        skipped={"type": "integer", "description": "Events that replay sends, 1,000 at most are counted."},
        bothSecretsUntil=_or_null(_TIME),
        lag=_or_null(_object("events seconds", events={"type": "integer"}, seconds={"type": "integer"})),
    ),
    "Webhooks": _object("webhooks", webhooks={"type": "array", "items": _ref("Webhook")}),
    "NewWebhook": _object("url", url={"type": "string", "format": "uri"}, types=_TYPES, onFailure=_ON_FAILURE),
    "From": _object("", **{"from": _TEXT | {"description": "A cursor of the feed, or `latest`."}}),
    "WebhookTest": _object(
        "id ok status milliseconds error",
        id=_TEXT,
        ok={"type": "boolean"},
        status=_or_null({"type": "integer"}),
        milliseconds={"type": "integer"},
        error=_or_null(_TEXT),
    ),
    "Overview": _object(" ".join(_OVERVIEW), **_OVERVIEW),
    "WebhookState": _object(
        "id enabled whyDisabled",
        id=_TEXT,
        url={"type": "string", "format": "uri"},
        enabled={"type": "boolean"},
        whyDisabled=_or_null(_TEXT),
        behind=_NUMBER | {"description": "Events that it has not passed, whatever their types."},
        lastSuccess=_or_null(_TIME),
        lastFailure=_or_null(_TIME),
        lastError=_or_null(_TEXT),
        failures=_NUMBER,
        nextAttempt=_or_null(_TIME),
    ),
    "Requests": _object(
        "requests nextCursor", requests={"type": "array", "items": _ref("Request")}, nextCursor=_or_null(_TEXT)
    ),
    "Request": _object("time tenant status milliseconds storageCalls times", **_REQUEST),
    "Problem": _object("type title status detail", type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT),
}
SCHEMAS |= {
    "Users": _object(
        "users nextCursor", users={"type": "array", "items": _ref("UserSummary")}, nextCursor=_or_null(_TEXT)
    ),
    "UserSummary": _object("id created lastModified", **_SUMMARY, userName=_TEXT, active={"type": "boolean"}),
    "Groups": _object(
        "groups nextCursor", groups={"type": "array", "items": _ref("GroupSummary")}, nextCursor=_or_null(_TEXT)
    ),
    "GroupSummary": _object("id created lastModified", **_SUMMARY),
    "Resource": {
        "type": "object",
        "required": ["schemas", "id", "meta"],
        "description": "A User or Group of RFC 7643, without its groups or members.",
    },
    "GroupsOf": _object(
        "groups nextCursor",
        groups={"type": "array", "items": _object("id name", id=_TEXT, name=_TEXT)},
        nextCursor=_or_null(_TEXT),
    ),
    "Members": _object(
        "members nextCursor",
        members={
            "type": "array",
            "items": _object("id type name", id=_TEXT, type={"enum": ["User", "Group"]}, name=_TEXT),
        },
        nextCursor=_or_null(_TEXT),
    ),
    "NewCapture": _object(
        "",
        minutes={"type": "integer", "minimum": 1, "maximum": MAX_MINUTES, "default": DEFAULT_MINUTES},
        requests={"type": "integer", "minimum": 1, "maximum": MAX_REQUESTS, "default": MAX_REQUESTS},
        values={"enum": list(VALUES), "default": VALUES[0]},
    ),
    "Capture": _object(
        "id started until requests values taken running",
        id=_TEXT,
        started=_TIME,
        until=_TIME,
        **dict.fromkeys(("requests", "taken"), _NUMBER),
        values={"enum": list(VALUES)},
        running={"type": "boolean"},
    ),
    "StoppedCapture": _object("capture", capture=_or_null(_ref("Capture"))),
    "Captured": _object(
        "capture exchanges nextCursor",
        capture=_or_null(_ref("Capture")),
        exchanges={"type": "array", "items": _ref("Exchange")},
        nextCursor=_or_null(_TEXT),
    ),
    "Exchange": _object(
        "id time",
        time=_TIME,
        **dict.fromkeys(("id", "capture", "method", "target", "base"), _TEXT),
        **dict.fromkeys(("requestId", "credential", "function"), _TEXT),
        **dict.fromkeys(("number", "status", "bytesSent", "bytesAnswered", "pieces"), _NUMBER),
        milliseconds={"type": "number"},
        replayable={"type": "boolean", "description": "Not where a body was cut, or is masked and no JSON."},
        **dict.fromkeys(
            ("request", "answer"),
            _object("headers body", headers={"type": "object", "additionalProperties": _TEXT}, body=_TEXT)
            | {"description": "Of one exchange alone, not in a list."},
        ),
    ),
    "Recording": {"type": "object", "required": ["about", "source", "given", "exchanges"]},
    "Audit": _object(
        "actions nextCursor", actions={"type": "array", "items": _ref("Action")}, nextCursor=_or_null(_TEXT)
    ),
    "Action": _object(
        "time outcome",
        time=_TIME,
        outcome={"enum": ["begun", "done", "failed", "unreadable"]}
        | {"description": "begun: it is under way, or the process ended before it was known what came of it."},
        status=_NUMBER,
        action=_TEXT | {"description": "The operationId, or the command."},
        given={"type": "object", "description": "What was asked for, without secrets."},
        **dict.fromkeys(("tenant", "id", "made", "detail"), _TEXT),
        **dict.fromkeys(("credential", "client", "address", "requestId"), _TEXT),
    ),
    "History": _object(
        "changes nextCursor", changes={"type": "array", "items": _ref("Change")}, nextCursor=_or_null(_TEXT)
    ),
    "Change": _object(
        "time",
        time=_TIME,
        resourceType={"enum": ["User", "Group"]},
        id=_TEXT | {"description": "The user or group that was changed."},
        operation=_TEXT | {"description": "create, replace, patch, delete, import, repair, map roles, ..."},
        attributes={"type": "array", "items": _TEXT},
        membersAdded={"type": "array", "items": _TEXT},
        membersRemoved={"type": "array", "items": _TEXT},
        membership={
            "enum": ["added", "removed"],
            "description": "Where another group was changed: what became of this user's or group's place in it.",
        },
        **dict.fromkeys(("credential", "client", "requestId"), _TEXT),
    ),
}
_BODIES = {
    "create_tenant": ("NewTenant", 201, "Tenant"),
    "change_tenant": ("TenantChange", 200, "Tenant"),
    "list_tenants": ("", 200, "Tenants"),
    "get_tenant": ("", 200, "Tenant"),
    "delete_tenant": ("", 202, "Tenant"),
    "list_credentials": ("", 200, "Credentials"),
    "create_credential": ("NewCredential", 201, "Credential"),
    "get_credential": ("", 200, "Credential"),
    "renew_credential": ("Renewal", 201, "Credential"),
    "revoke_credential": ("", 200, "Credential"),
    "remove_credential": ("", 204, ""),
    "list_access": ("", 200, "Accesses"),
    "map_access": ("NewAccess", 200, "Access"),
    "unmap_access": ("", 200, "Access"),
    "list_guards": ("", 200, "Guards"),
    "guard_group": ("NewGuard", 200, "Guards"),
    "unguard_group": ("", 200, "Guards"),
    "get_overview": ("", 200, "Overview"),
    "list_requests": ("", 200, "Requests"),
    "start_capture": ("NewCapture", 201, "Capture"),
    "stop_capture": ("", 200, "StoppedCapture"),
    "show_capture": ("", 200, "Captured"),
    "show_exchange": ("", 200, "Exchange"),
    "download_capture": ("", 200, "Recording"),
    "list_audit": ("", 200, "Audit"),
    "list_audit_of_tenant": ("", 200, "Audit"),
    "download_requests": ("", 200, "Requests"),
    "list_users": ("", 200, "Users"),
    "get_user": ("", 200, "Resource"),
    "list_groups_of_user": ("", 200, "GroupsOf"),
    "get_user_history": ("", 200, "History"),
    "list_groups": ("", 200, "Groups"),
    "get_group": ("", 200, "Resource"),
    "list_groups_of_group": ("", 200, "GroupsOf"),
    "list_members": ("", 200, "Members"),
    "get_group_history": ("", 200, "History"),
    "list_schemas": ("", 200, "Schemas"),
    "put_schema": ("Schema", 200, "Urn"),
    "remove_schema": ("", 204, ""),
    "list_webhooks": ("", 200, "Webhooks"),
    "create_webhook": ("NewWebhook", 201, "Webhook"),
    "get_webhook": ("", 200, "Webhook"),
    "delete_webhook": ("", 204, ""),
    "enable_webhook": ("From", 200, "Webhook"),
    "disable_webhook": ("", 200, "Webhook"),
    "rotate_webhook": ("", 200, "Webhook"),
    "replay_webhook": ("From", 200, "Webhook"),
    "test_webhook": ("", 200, "WebhookTest"),
    "describe": ("", 200, ""),
}
"""By operation: the schema of the request's body, the status of success, and the schema of the answer's body."""
_QUERIES: dict[str, tuple[str, ...]] = {
    "delete_tenant": ("now",),
    "unmap_access": ("role",),
    "list_requests": PARAMETERS,
    "download_requests": download.PARAMETERS,
    **dict.fromkeys(("list_users", "list_groups"), FIND),
    **dict.fromkeys(("list_groups_of_user", "list_groups_of_group", "list_members"), PAGE),
    **dict.fromkeys(("get_user_history", "get_group_history", "list_audit_of_tenant"), PAGE),
    "list_audit": ("tenant", *PAGE),
    "show_capture": PAGE,
}
"""By operation: the parameters of its query."""


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(f"/{PREFIX}/{route.path}", {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tenants, credentials and webhooks of a SCIM endpoint", "version": "1"},
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: ManageRoute) -> dict[str, Any]:
    body, status, answer = _BODIES[route.operation]
    told: dict[str, Any] = {"operationId": route.name, "summary": route.summary, "parameters": _parameters(route)}
    if route.scope is not None:
        told["security"] = [{"bearer": []}]
        told["description"] = f"For {'an operator' if route.scope == 'operator' else 'an operator or an admin'}."
    if body:
        told["requestBody"] = {
            "required": body not in ("Renewal", "From", "NewCapture"),
            "content": {"application/json": {"schema": _ref(body)}},
        }
    types = ("application/json", "text/csv")[: 2 if route.operation == "download_requests" else 1]
    content = {"content": {each: {"schema": _ref(answer) if "json" in each else _TEXT} for each in types}}
    content = content if answer else {}
    problem = {"description": "What is wrong.", "content": {"application/problem+json": {"schema": _ref("Problem")}}}
    told["responses"] = {str(status): {"description": "Done."} | content, "default": problem}
    return told


def _parameters(route: ManageRoute) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in re.findall(r"{(\w+)}", route.path)
    ]
    told += [{"name": name, "in": "query", "schema": _TEXT} for name in _QUERIES.get(route.operation, ())]
    return told
