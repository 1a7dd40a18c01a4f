"""The shapes of bodies below `/manage/v1`, as schemas of OpenAPI 3.1."""

from typing import Any

from scim.access.credential import SCOPES
from scim.access.tenants import MAX_NAME
from scim.directory.capture import MAX_MINUTES, MAX_REQUESTS
from scim.directory.events import TYPES
from scim.directory.guards import MODES
from scim.directory.roles import MAX_ROLE
from scim.management.captures import DEFAULT_MINUTES, VALUES
from scim.security_events.session import SUBJECT_FORMATS
from scim.security_events.token import TOKEN_TYPES
from scim.service.events import MAX_WAIT
from scim.webhooks.webhook import FORMS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_URI: Schema = {"type": "string", "format": "uri"}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_TEXTS: Schema = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 20}
_TYPES: Schema = {"type": "array", "items": {"enum": list(TYPES)}}
_TOKEN_TYPES: Schema = {"type": "array", "items": {"enum": list(TOKEN_TYPES)}}
_WAIT: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_WAIT}
_ON_FAILURE: Schema = {"enum": ["stop", "skip"]}
_FORM: Schema = {"enum": list(FORMS)}
_SUBJECT: Schema = {"enum": list(SUBJECT_FORMATS), "description": "How the receiver knows users."}
_SUBJECT_ISSUER: Schema = {"type": "string", "description": "Of `iss_sub`: who has given users their externalId."}
_GUARD: Schema = {"enum": list(MODES)}
_SCOPE: Schema = {"enum": list(SCOPES)}


def _object(required: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _or_null(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    """Return what stands for the schema of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


_FEDERATION = _object(
    "entraTenant subjects audiences",
    entraTenant=TEXT,
    subjects=_TEXTS,
    audiences=_TEXTS,
    cloud={"enum": ["public", "usgov", "china"]},
)
_NUMBER: Schema = {"type": "integer"}
_REQUEST: Schema = {
    "time": _TIME,
    **dict.fromkeys(("tenant", "credential", "client", "function", "method", "path", "id", "name"), TEXT),
    **dict.fromkeys(("scimType", "detail", "requestId"), TEXT),
    "attributes": {"type": "array", "items": TEXT},
    "milliseconds": {"type": "number"},
    **dict.fromkeys(("status", "storageCalls", "times"), _NUMBER),
    "testConnection": {"type": "boolean"},
}
_FIGURES: Schema = {
    **dict.fromkeys(("requests", "failures", "testConnections", "storageCalls"), _NUMBER),
    **dict.fromkeys(("p50", "p95"), _or_null({"type": "number", "description": "Milliseconds, estimated."})),
}
_SUMMARY: Schema = {
    **dict.fromkeys(("id", "displayName", "externalId"), TEXT),
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
    "seats": _or_null(_NUMBER) | {"description": "The most active users, null for any number."},
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
    "webhooks": {"type": "array", "items": ref("WebhookState")},
    **dict.fromkeys(("lastRequest", "lastSuccess", "lastChange"), _or_null(_TIME)),
    "day": _PERIOD,
    "month": _PERIOD,
    "credentialsExpiring": {"type": "array", "items": ref("Credential")},
}
SCHEMAS: dict[str, Schema] = {
    "Tenant": _object(
        "key name status tenantUrl",
        key=TEXT,
        name=TEXT,
        status={"enum": ["active", "suspended", "deleting"]},
        tenantUrl={"type": "string", "format": "uri"},
        created=_TIME,
        due=_TIME | {"description": "Of a tenant that is being deleted: when its rows go."},
        retentionDays={"type": "integer"},
        eventRetentionDays={"type": "integer"},
        journalDays={"type": "integer"},
        rate={"type": "integer"},
        burst={"type": "integer"},
        seats={"type": "integer", "description": "The most active users; any number where it is not there."},
        filterable={"type": "array", "items": TEXT},
        secretToken=TEXT | {"description": "At creation only, and never again."},
    ),
    "Tenants": _object(
        "caller tenants",
        caller=_object("scope", scope={"enum": ["operator", "admin"]}),
        tenants={"type": "array", "items": ref("Tenant")},
    ),
    "NewTenant": _object("name", name=_NAME),
    "TenantChange": _object(
        "",
        name=_NAME,
        status={"enum": ["active", "suspended"]},
        retentionDays=_or_null({"type": "integer", "minimum": 1, "maximum": 36_500}),
        eventRetentionDays=_or_null({"type": "integer", "minimum": 1, "maximum": 366}),
        journalDays=_or_null({"type": "integer", "minimum": 1, "maximum": 366}),
        rate=_or_null({"type": "integer", "minimum": 1, "maximum": 100_000}),
        burst=_or_null({"type": "integer", "minimum": 1, "maximum": 1_000_000}),
        seats=_or_null({"type": "integer", "minimum": 0, "maximum": 10_000_000}),
        filterable=_or_null({"type": "array", "items": TEXT, "maxItems": 50}),
    ),
    "Credential": _object(
        "id tenant name scope kind status created expires lastUsed strict",
        id=TEXT,
        tenant=TEXT,
        name=TEXT,
        scope=_SCOPE,
        kind={"enum": ["token", "client", "federated", "vault"]},
        status={"enum": ["active", "expired", "revoked"]},
        created=_or_null(_TIME),
        expires=_or_null(_TIME),
        lastUsed=_or_null({"type": "string", "format": "date"}),
        strict={"type": "boolean"},
        federation=_FEDERATION,
        secretToken=TEXT | {"description": "At creation only, and never again."},
        clientId=TEXT,
        clientSecret=TEXT | {"description": "At creation only, and never again."},
        tokenUrl={"type": "string", "format": "uri"},
    ),
    "Credentials": _object("credentials", credentials={"type": "array", "items": ref("Credential")}),
    "NewCredential": _object(
        "name scope",
        name=_NAME,
        scope=_SCOPE,
        oauth={"type": "boolean", "description": "An OAuth client in place of a secret token."},
        expires=TEXT | {"description": "A date or a time."},
        strict={"type": "boolean"},
        federation=_FEDERATION,
    ),
    "Renewal": _object("", expires=TEXT),
    "Access": _object(
        "id displayName externalId roles",
        id=TEXT,
        displayName=TEXT,
        externalId=_or_null(TEXT),
        roles={"type": "array", "items": TEXT},
    ),
    "Accesses": _object("groups", groups={"type": "array", "items": ref("Access")}),
    "NewAccess": _object(
        "group role",
        group=TEXT | {"description": "Its id, displayName or externalId; it is found once, and its id is kept."},
        role={"type": "string", "minLength": 1, "maxLength": MAX_ROLE},
    ),
    "Guards": _object(
        "seats activeUsers groups",
        seats=_or_null(_NUMBER) | {"description": "The most active users, null for any number."},
        activeUsers=_NUMBER,
        groups={
            "type": "array",
            "items": _object("id displayName guard", id=TEXT, displayName=TEXT, guard=_GUARD),
        },
    ),
    "NewGuard": _object("group", group=TEXT | {"description": "Its id, displayName or externalId."}, guard=_GUARD),
    "Schemas": _object("schemas", schemas={"type": "array", "items": {"type": "object"}}),
    "Schema": {"type": "object", "required": ["id"], "description": "A schema document of RFC 7643 section 7."},
    "Urn": _object("id", id=TEXT),
    "Webhook": _object(
        "id url types onFailure enabled whyDisabled created form",
        id=TEXT,
        url={"type": "string", "format": "uri"},
        types=_TYPES | {"description": "Those that it gets; none is all."},
        onFailure=_ON_FAILURE,
        enabled={"type": "boolean"},
        whyDisabled=_or_null(TEXT),
        created=_TIME,
        form=_FORM,
        **dict.fromkeys(("issuer", "audience", "jwks"), _URI | {"description": "Of the form security-event."}),
        sessionRevoked=_or_null(_SUBJECT),
        subjectIssuer=_or_null(_SUBJECT_ISSUER),
        secret=TEXT | {"description": "At creation and rotation, of the form standard."},
        lastSuccess=_or_null(_TIME),
        lastError=_or_null(TEXT),
        lastFailure=_or_null(_TIME),
        failures={"type": "integer", "description": "Of the event that is next."},
        nextAttempt=_or_null(_TIME),
        skipped={"type": "integer", "description": "Events that replay sends, 1,000 at most are counted."},
        bothSecretsUntil=_or_null(_TIME),
        lag=_or_null(_object("events seconds", events={"type": "integer"}, seconds={"type": "integer"})),
    ),
    "Webhooks": _object("webhooks", webhooks={"type": "array", "items": ref("Webhook")}),
    "NewWebhook": _object(
        "url",
        url={"type": "string", "format": "uri"},
        types=_TYPES,
        onFailure=_ON_FAILURE,
        form=_FORM,
        sessionRevoked=_SUBJECT,
        subjectIssuer=_SUBJECT_ISSUER,
    ),
    "Stream": _object(
        "id url issuer jwks credential types wait created acknowledgedUpTo waiting lastAcknowledged refused"
        " lastError dropped",
        id=TEXT,
        **dict.fromkeys(("url", "issuer", "jwks"), _URI),
        credential=TEXT | {"description": "Id of the only credential that may fetch."},
        types=_TOKEN_TYPES | {"description": "Those that it gets; none is all."},
        wait=_WAIT | {"description": "Seconds for which an empty answer is held open."},
        created=_TIME,
        acknowledgedUpTo=_NUMBER,
        waiting=_NUMBER | {"description": "Events that it has not acknowledged, whatever their types."},
        lastAcknowledged=_or_null(_TIME),
        refused=_NUMBER | {"description": "Tokens that the receiver has reported with an error."},
        lastError=_or_null(TEXT),
        dropped=_NUMBER | {"description": "Tokens that expired before they were acknowledged."},
        secretToken=TEXT | {"description": "At creation, if its credential was made for it."},
    ),
    "Streams": _object("streams", streams={"type": "array", "items": ref("Stream")}),
    "NewStream": _object("", types=_TOKEN_TYPES, wait=_WAIT, credential=TEXT),
    "StreamCredential": _object("credential", credential=TEXT),
    "From": _object("", **{"from": TEXT | {"description": "A cursor of the feed, or `latest`."}}),
    "WebhookTest": _object(
        "id ok status milliseconds error",
        id=TEXT,
        ok={"type": "boolean"},
        status=_or_null({"type": "integer"}),
        milliseconds={"type": "integer"},
        error=_or_null(TEXT),
    ),
    "Overview": _object(" ".join(_OVERVIEW), **_OVERVIEW),
    "WebhookState": _object(
        "id enabled whyDisabled",
        id=TEXT,
        url={"type": "string", "format": "uri"},
        enabled={"type": "boolean"},
        whyDisabled=_or_null(TEXT),
        behind=_NUMBER | {"description": "Events that it has not passed, whatever their types."},
        lastSuccess=_or_null(_TIME),
        lastFailure=_or_null(_TIME),
        lastError=_or_null(TEXT),
        failures=_NUMBER,
        nextAttempt=_or_null(_TIME),
    ),
    "Requests": _object(
        "requests nextCursor", requests={"type": "array", "items": ref("Request")}, nextCursor=_or_null(TEXT)
    ),
    "Request": _object("time tenant status milliseconds storageCalls times", **_REQUEST),
    "Problem": _object("type title status detail", type=TEXT, title=TEXT, status={"type": "integer"}, detail=TEXT),
}
SCHEMAS |= {
    "Users": _object(
        "users nextCursor", users={"type": "array", "items": ref("UserSummary")}, nextCursor=_or_null(TEXT)
    ),
    "UserSummary": _object("id created lastModified", **_SUMMARY, userName=TEXT, active={"type": "boolean"}),
    "Groups": _object(
        "groups nextCursor", groups={"type": "array", "items": ref("GroupSummary")}, nextCursor=_or_null(TEXT)
    ),
    "GroupSummary": _object("id created lastModified", **_SUMMARY),
    "Resource": {
        "type": "object",
        "required": ["schemas", "id", "meta"],
        "description": "A User or Group of RFC 7643, without its groups or members.",
    },
    "GroupsOf": _object(
        "groups nextCursor",
        groups={"type": "array", "items": _object("id name", id=TEXT, name=TEXT)},
        nextCursor=_or_null(TEXT),
    ),
    "Members": _object(
        "members nextCursor",
        members={
            "type": "array",
            "items": _object("id type name", id=TEXT, type={"enum": ["User", "Group"]}, name=TEXT),
        },
        nextCursor=_or_null(TEXT),
    ),
    "NewCapture": _object(
        "",
        minutes={"type": "integer", "minimum": 1, "maximum": MAX_MINUTES, "default": DEFAULT_MINUTES},
        requests={"type": "integer", "minimum": 1, "maximum": MAX_REQUESTS, "default": MAX_REQUESTS},
        values={"enum": list(VALUES), "default": VALUES[0]},
    ),
    "Capture": _object(
        "id started until requests values taken running",
        id=TEXT,
        started=_TIME,
        until=_TIME,
        **dict.fromkeys(("requests", "taken"), _NUMBER),
        values={"enum": list(VALUES)},
        running={"type": "boolean"},
    ),
    "StoppedCapture": _object("capture", capture=_or_null(ref("Capture"))),
    "Captured": _object(
        "capture exchanges nextCursor",
        capture=_or_null(ref("Capture")),
        exchanges={"type": "array", "items": ref("Exchange")},
        nextCursor=_or_null(TEXT),
    ),
    "Exchange": _object(
        "id time",
        time=_TIME,
        **dict.fromkeys(("id", "capture", "method", "target", "base"), TEXT),
        **dict.fromkeys(("requestId", "credential", "function"), TEXT),
        **dict.fromkeys(("number", "status", "bytesSent", "bytesAnswered", "pieces"), _NUMBER),
        milliseconds={"type": "number"},
        replayable={"type": "boolean", "description": "Not where a body was cut, or is masked and no JSON."},
        **dict.fromkeys(
            ("request", "answer"),
            _object("headers body", headers={"type": "object", "additionalProperties": TEXT}, body=TEXT)
            | {"description": "Of one exchange alone, not in a list."},
        ),
    ),
    "Recording": {"type": "object", "required": ["about", "source", "given", "exchanges"]},
    "Audit": _object(
        "actions nextCursor", actions={"type": "array", "items": ref("Action")}, nextCursor=_or_null(TEXT)
    ),
    "Action": _object(
        "time outcome",
        time=_TIME,
        outcome={"enum": ["begun", "done", "failed", "unreadable"]}
        | {"description": "begun: it is under way, or the process ended before it was known what came of it."},
        status=_NUMBER,
        action=TEXT | {"description": "The operationId, or the command."},
        given={"type": "object", "description": "What was asked for, without secrets."},
        **dict.fromkeys(("tenant", "id", "made", "detail"), TEXT),
        **dict.fromkeys(("credential", "client", "address", "requestId"), TEXT),
    ),
    "History": _object(
        "changes nextCursor", changes={"type": "array", "items": ref("Change")}, nextCursor=_or_null(TEXT)
    ),
    "Change": _object(
        "time",
        time=_TIME,
        resourceType={"enum": ["User", "Group"]},
        id=TEXT | {"description": "The user or group that was changed."},
        operation=TEXT | {"description": "create, replace, patch, delete, import, repair, map roles, ..."},
        attributes={"type": "array", "items": TEXT},
        membersAdded={"type": "array", "items": TEXT},
        membersRemoved={"type": "array", "items": TEXT},
        membership={
            "enum": ["added", "removed"],
            "description": "Where another group was changed: what became of this user's or group's place in it.",
        },
        **dict.fromkeys(("credential", "client", "requestId"), TEXT),
    ),
}
