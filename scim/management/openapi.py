"""The OpenAPI 3.1 document of `/manage/v1`, made of the table of its routes."""

import re
from typing import Any

from scim.management import download
from scim.management.activity import PARAMETERS
from scim.management.openapi_schemas import SCHEMAS, TEXT, ref
from scim.management.reading import FIND, PAGE
from scim.management.routes import PREFIX, ROUTES, ManageRoute

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
    "list_all_requests": ("", 200, "Requests"),
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
    "list_streams": ("", 200, "Streams"),
    "create_stream": ("NewStream", 201, "Stream"),
    "bind_stream": ("StreamCredential", 200, "Stream"),
    "restart_stream": ("", 200, "Stream"),
    "delete_stream": ("", 204, ""),
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
    "list_all_requests": PARAMETERS,
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
        "info": {"title": "Tenants, credentials, streams and webhooks of a SCIM endpoint", "version": "1"},
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
            "required": body not in ("Renewal", "From", "NewCapture", "NewStream"),
            "content": {"application/json": {"schema": ref(body)}},
        }
    types = ("application/json", "text/csv")[: 2 if route.operation == "download_requests" else 1]
    content = {"content": {each: {"schema": ref(answer) if "json" in each else TEXT} for each in types}}
    content = content if answer else {}
    problem = {"description": "What is wrong.", "content": {"application/problem+json": {"schema": ref("Problem")}}}
    told["responses"] = {str(status): {"description": "Done."} | content, "default": problem}
    return told


def _parameters(route: ManageRoute) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": TEXT} for name in re.findall(r"{(\w+)}", route.path)
    ]
    told += [{"name": name, "in": "query", "schema": TEXT} for name in _QUERIES.get(route.operation, ())]
    return told
