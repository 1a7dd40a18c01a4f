"""The routes of `/manage/v1` as data: what the management looks paths up in and the OpenAPI document is made of."""

from dataclasses import dataclass

from scim.access.credential import Scope
from scim.service import routes

PREFIX = routes.MANAGE.removesuffix("/{*path}")
"""Not `admin`, which is the Functions host's own."""


@dataclass(frozen=True, slots=True)
class ManageRoute:
    """What there is to manage: a name for the log, the method, the path below PREFIX, what it does, and who may.

    `operation` is the name of a method of Management. `scope` is admin where the tenant's own administrator may, too;
    None is everybody. `summary` is for the OpenAPI document.
    """

    name: str
    method: str
    path: str
    operation: str
    scope: Scope | None
    summary: str


def _reading(name: str, path: str, operation: str, summary: str) -> tuple[ManageRoute]:
    """Return the route by which operators and a tenant's administrators read something of a tenant."""
    return (ManageRoute(name, "GET", f"tenants/{{key}}/{path}", operation, "admin", summary),)


def _of_credentials(noun: str, path: str, scope: Scope, summary: str) -> tuple[ManageRoute, ...]:
    """Return the routes of the credentials below a path."""
    one, renewed = f"{path}/{{id}}", "A new credential beside the old one, which stays valid."
    return (
        ManageRoute(f"List{noun}s", "GET", path, "list_credentials", scope, summary),
        ManageRoute(
            f"Create{noun}",
            "POST",
            path,
            "create_credential",
            scope,
            "A new credential, with its secret, shown this once.",
        ),
        ManageRoute(f"Get{noun}", "GET", one, "get_credential", scope, "One credential."),
        ManageRoute(
            f"Remove{noun}",
            "DELETE",
            one,
            "remove_credential",
            scope,
            "Take a credential that is not valid any more off the list.",
        ),
        ManageRoute(f"Renew{noun}", "POST", f"{one}/renew", "renew_credential", scope, renewed),
        ManageRoute(
            f"Revoke{noun}", "POST", f"{one}/revoke", "revoke_credential", scope, "Refuse a credential from now on."
        ),
    )


ROUTES = (
    ManageRoute("DescribeManagement", "GET", "openapi.json", "describe", None, "The OpenAPI document of these routes."),
    ManageRoute("ListTenants", "GET", "tenants", "list_tenants", "admin", "All tenants, or the caller's own."),
    ManageRoute(
        "CreateTenant",
        "POST",
        "tenants",
        "create_tenant",
        "operator",
        "A new tenant, with its Secret Token, shown this once.",
    ),
    ManageRoute("GetTenant", "GET", "tenants/{key}", "get_tenant", "admin", "One tenant."),
    ManageRoute(
        "ChangeTenant", "PATCH", "tenants/{key}", "change_tenant", "operator", "A tenant's name, status or settings."
    ),
    ManageRoute(
        "DeleteTenant",
        "DELETE",
        "tenants/{key}",
        "delete_tenant",
        "operator",
        "Close a tenant now, and drop it after the grace period, or with `now=true` in five minutes.",
    ),
    *_of_credentials("Credential", "tenants/{key}/credentials", "admin", "The tenant's credentials."),
    *_of_credentials("Operator", "operators", "operator", "The credentials of operators, who belong to no tenant."),
    ManageRoute(
        "ListAccess", "GET", "tenants/{key}/access", "list_access", "admin", "The groups that give roles, and which."
    ),
    ManageRoute(
        "MapAccess", "POST", "tenants/{key}/access", "map_access", "operator", "Let a group give a role to its members."
    ),
    ManageRoute(
        "UnmapAccess",
        "DELETE",
        "tenants/{key}/access/{id}",
        "unmap_access",
        "operator",
        "Let the group of an id give a role, `role`, no more; without it none at all.",
    ),
    ManageRoute(
        "GetOverview",
        "GET",
        "tenants/{key}/overview",
        "get_overview",
        "admin",
        "How a tenant does: sizes, last times, totals and plots of 24 hours and 30 days.",
    ),
    ManageRoute("ListRequests", "GET", "tenants/{key}/requests", "list_requests", "admin", "Its log, newest first."),
    ManageRoute(
        "ListAllRequests", "GET", "requests", "list_all_requests", "operator", "The log of all tenants, newest first."
    ),
    ManageRoute(
        "StartCapture",
        "POST",
        "tenants/{key}/capture",
        "start_capture",
        "admin",
        "Keep whole requests and answers for up to an hour.",
    ),
    ManageRoute(
        "StopCapture", "DELETE", "tenants/{key}/capture", "stop_capture", "admin", "Keep no more; what is kept stays."
    ),
    *_reading("ShowCapture", "capture", "show_capture", "What is captured, and the exchanges, newest first."),
    *_reading("DownloadCapture", "capture/download", "download_capture", "The exchanges as a file for replay."),
    *_reading("ShowExchange", "capture/exchanges/{id}", "show_exchange", "One request and its answer, whole."),
    ManageRoute("ListAudit", "GET", "audit", "list_audit", "operator", "Who changed what here, newest first."),
    *_reading("ListAuditOfTenant", "audit", "list_audit_of_tenant", "Who changed what of a tenant, newest first."),
    *_reading("ListGuards", "guards", "list_guards", "The groups that keep their last active member."),
    ManageRoute(
        "GuardGroup",
        "POST",
        "tenants/{key}/guards",
        "guard_group",
        "operator",
        "Let a group keep its last active member; strict, even when that one is disabled or deleted.",
    ),
    ManageRoute(
        "UnguardGroup",
        "DELETE",
        "tenants/{key}/guards/{id}",
        "unguard_group",
        "operator",
        "Guard the group of an id no more.",
    ),
    *_reading("DownloadRequests", "requests/download", "download_requests", "The log as a file, CSV or JSON."),
    *_reading("FindUsers", "users", "list_users", "Users: all, or those that `find` names."),
    *_reading("ShowUser", "users/{id}", "get_user", "One user, as a client sees it but for its groups."),
    *_reading("ListGroupsOfUser", "users/{id}/groups", "list_groups_of_user", "The groups that a user is in."),
    *_reading("GetUserHistory", "users/{id}/history", "get_user_history", "Who changed what of a user, newest first."),
    *_reading("FindGroups", "groups", "list_groups", "Groups: all, or those that `find` names."),
    *_reading("ShowGroup", "groups/{id}", "get_group", "One group, as a client sees it but for its members."),
    *_reading("ListGroupsOfGroup", "groups/{id}/groups", "list_groups_of_group", "The groups that a group is in."),
    *_reading("ListMembers", "groups/{id}/members", "list_members", "The members of a group, with their names."),
    *_reading(
        "GetGroupHistory", "groups/{id}/history", "get_group_history", "Who changed what of a group, newest first."
    ),
    ManageRoute(
        "ListTenantSchemas",
        "GET",
        "tenants/{key}/schemas",
        "list_schemas",
        "admin",
        "The tenant's own extension schemas.",
    ),
    ManageRoute(
        "PutTenantSchema",
        "PUT",
        "tenants/{key}/schemas",
        "put_schema",
        "operator",
        "Keep an extension schema of the tenant.",
    ),
    ManageRoute(
        "RemoveTenantSchema",
        "DELETE",
        "tenants/{key}/schemas/{urn}",
        "remove_schema",
        "operator",
        "Take an extension schema of the tenant away.",
    ),
    ManageRoute("ListStreams", "GET", "tenants/{key}/streams", "list_streams", "admin", "The tenant's streams."),
    ManageRoute(
        "CreateStream",
        "POST",
        "tenants/{key}/streams",
        "create_stream",
        "admin",
        "A new stream of Security Event Tokens, with the secret token of a new credential, unless one is named.",
    ),
    ManageRoute(
        "BindStream",
        "POST",
        "tenants/{key}/streams/{id}/bind",
        "bind_stream",
        "admin",
        "Let another credential fetch its tokens.",
    ),
    ManageRoute(
        "RestartStream",
        "POST",
        "tenants/{key}/streams/{id}/restart",
        "restart_stream",
        "admin",
        "Go on with what happens from now on; what was not acknowledged is let go.",
    ),
    ManageRoute(
        "DeleteStream", "DELETE", "tenants/{key}/streams/{id}", "delete_stream", "admin", "Take a stream away."
    ),
    ManageRoute(
        "ListWebhooks",
        "GET",
        "tenants/{key}/webhooks",
        "list_webhooks",
        "admin",
        "The tenant's webhooks.",
    ),
    ManageRoute(
        "CreateWebhook",
        "POST",
        "tenants/{key}/webhooks",
        "create_webhook",
        "admin",
        "A new webhook, with its secret if it has one. It gets what happens from now on.",
    ),
    ManageRoute(
        "GetWebhook",
        "GET",
        "tenants/{key}/webhooks/{id}",
        "get_webhook",
        "admin",
        "One webhook: its last success and failure, and how far it is behind.",
    ),
    ManageRoute(
        "DeleteWebhook",
        "DELETE",
        "tenants/{key}/webhooks/{id}",
        "delete_webhook",
        "admin",
        "Take a webhook away.",
    ),
    ManageRoute(
        "EnableWebhook",
        "POST",
        "tenants/{key}/webhooks/{id}/enable",
        "enable_webhook",
        "admin",
        "Deliver again, from a cursor, from `latest`, or from where it stopped.",
    ),
    ManageRoute(
        "DisableWebhook",
        "POST",
        "tenants/{key}/webhooks/{id}/disable",
        "disable_webhook",
        "admin",
        "Deliver nothing until the webhook is enabled.",
    ),
    ManageRoute(
        "RotateWebhook",
        "POST",
        "tenants/{key}/webhooks/{id}/rotate",
        "rotate_webhook",
        "admin",
        "A new secret, beside which the old one signs for 24 hours.",
    ),
    ManageRoute(
        "ReplayWebhook",
        "POST",
        "tenants/{key}/webhooks/{id}/replay",
        "replay_webhook",
        "admin",
        "Deliver again from a cursor on; without one, what was skipped.",
    ),
    ManageRoute(
        "TestWebhook",
        "POST",
        "tenants/{key}/webhooks/{id}/test",
        "test_webhook",
        "admin",
        "Send one event of the type webhook.test, or one token, and tell what came of it.",
    ),
)
