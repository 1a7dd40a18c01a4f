"""Tenants and credentials as JSON objects, the same over HTTP and with --json."""

from datetime import datetime
from typing import Any

from scim.access.credential import Credential
from scim.access.tenants import TenantRecord
from scim.directory.roles import Mapping
from scim.management.administration import Issued


def tenant(record: TenantRecord, url: str) -> dict[str, Any]:
    """Return a tenant; what it has of its own is left out where the settings of the service stand."""
    own = {
        "created": record.created,
        "due": record.due,
        "retentionDays": record.retention_days,
        "eventRetentionDays": record.event_retention_days,
        "journalDays": record.journal_days,
        "rate": record.rate,
        "burst": record.burst,
        "seats": record.seats,
        "filterable": None if record.filterable is None else list(record.filterable),
    }
    told = {"key": record.key, "name": record.name, "status": record.status, "tenantUrl": url}
    return told | {name: value for name, value in own.items() if value not in (None, "")}


def credential(each: Credential, now: datetime, used: str) -> dict[str, Any]:
    """Return a credential, never its secret; `used` is the day of its last use."""
    told: dict[str, Any] = {
        "id": each.id,
        "tenant": each.tenant,
        "name": each.name,
        "scope": each.scope,
        "kind": each.kind,
        "status": each.status(now),
        "created": each.created or None,
        "expires": each.expires or None,
        "lastUsed": used or None,
        "strict": each.strict,
    }
    if (federation := each.federation) is not None:
        told["federation"] = {
            "entraTenant": federation.entra_tenant,
            "subjects": list(federation.subjects),
            "audiences": list(federation.audiences),
            "cloud": federation.cloud,
        }
    return told


def access(mapping: Mapping) -> dict[str, Any]:
    """Return a group and the roles that it gives."""
    document = mapping.group.document
    named = {name: document.get(name) for name in ("displayName", "externalId")}
    return {"id": mapping.group.id, **named, "roles": list(mapping.roles)}


def issued(made: Issued, now: datetime, url: str) -> dict[str, Any]:
    """Return a credential that was just made, with its secret, which is shown this once."""
    told = credential(made.credential, now, "")
    if made.credential.kind == "token":
        return told | {"secretToken": made.secret}
    client = {"clientId": made.credential.id, "tokenUrl": f"{url}/oauth/token"}
    return told | client | ({"clientSecret": made.secret} if made.secret else {})
