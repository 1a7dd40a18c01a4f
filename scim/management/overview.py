"""How a tenant does, in one answer for all panels: sizes, last times, plots, and what asks for attention."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from scim.access.credential import Credential, moment
from scim.directory import counts, keys
from scim.directory.census import Census
from scim.directory.feed import head_in
from scim.directory.hours import HOUR, Counts
from scim.directory.journal import instant
from scim.directory.tenant import Tenant
from scim.management import documents
from scim.protocol.resource import format_date_time
from scim.service.tenants import TenantService
from scim.storage.damage import Damaged
from scim.storage.rows import Row
from scim.storage.together import together

EXPIRING = timedelta(days=30)
DAYS = 30
EXPECTED_MINUTES = 40
"""How often Entra comes. https://learn.microsoft.com/entra/identity/app-provisioning/how-provisioning-works"""
SILENT_AFTER = timedelta(minutes=3 * EXPECTED_MINUTES)
QUARANTINE_FAILURES, QUARANTINE_SHARE, QUARANTINE_ANYWAY = 5_000, 0.4, 40_000
"""From so many failures on, when they are more than that share or more than that, Entra puts the job into quarantine.
https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-quarantine-status"""
WATCHED = QUARANTINE_FAILURES // 10
MOST_WAITING = 100
"""Changes that wait to be numbered in the feed, of which the overview counts so many."""

Listed = Sequence[tuple[Credential, str]]


async def overview(
    service: TenantService,
    now: datetime,
    listed: Listed,
    health: Callable[[], Awaitable[Mapping[str, Any]]],
) -> dict[str, Any]:
    """Return the overview of a tenant, given its credentials and what tells how the service does.

    Some twelve calls of the store, most at a time, and of rows only sums: users and groups, hours, webhooks; no
    request, no user. It has times and no ages, so that it stays the same while nothing happens. Raises Unavailable.
    """
    tenant = service.tenant
    reading: list[Any] = await together(
        *(counts.total(tenant, letter) for letter in ("u", counts.INACTIVE, "g")),
        service.journal.hours(now - timedelta(days=DAYS)),
        Census(tenant).memberships(),
        _feed(tenant),
        _service(health),
    )
    users, inactive, groups, hours, memberships, feed, states = reading
    month = sum(hours.values(), Counts())
    day = _totals(hours, now, HOUR, 24)
    return {
        "users": users,
        "activeUsers": max(users - inactive, 0),
        "inactiveUsers": inactive,
        "seats": service.record.seats,
        "groups": groups,
        "memberships": memberships,
        "lastRequest": _text(month.last_request),
        "lastSuccess": _text(month.last_success),
        "lastChange": _text(month.last_change),
        "silence": _silence(month, now),
        "quarantine": _quarantine(hours, month, day),
        "service": states,
        "feed": feed,
        "webhooks": await _webhooks(service, feed["last"]),
        "credentialsExpiring": [
            documents.credential(each, now, used)
            for each, used in listed
            if each.expires and not each.revoked and moment(each.expires) <= now + EXPIRING
        ],
        "day": day,
        "month": _totals(hours, now, 24 * HOUR, DAYS),
    }


async def _service(health: Callable[[], Awaitable[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the state of storage, tokens and timer: ok, or what is wrong."""
    return {name: state for name, state in (await health()).items() if name != "status"}


def _silence(month: Counts, now: datetime) -> dict[str, Any]:
    """Return whether requests come as often as Entra's do: ok, silent, or never in 30 days."""
    last = month.last_request
    silent = not last or now - instant(last) > SILENT_AFTER
    state = "never" if not last else "silent" if silent else "ok"
    return {"state": state, "since": _text(last), "expectedMinutes": EXPECTED_MINUTES}


def _quarantine(hours: Mapping[int, Counts], month: Counts, day: Mapping[str, Any]) -> dict[str, Any]:
    """Return how near Entra's quarantine is, none, watch or high, and by what; Entra itself alone knows for sure.

    Refused logins count since the last success: one that is refused stops the job at once, but anybody can try.
    """
    since = {hour: each for hour, each in hours.items() if hour + HOUR > month.last_success}
    refused = sum(each.statuses[status] for each in since.values() for status in ("401", "403"))
    failures, requests = int(day["failures"]), int(day["requests"])
    many = failures > QUARANTINE_SHARE * requests
    reasons = []
    if refused:
        reasons.append({"reason": "refusedLogins", "count": refused})
    if failures >= WATCHED and (many or failures > QUARANTINE_ANYWAY):
        reasons.append({"reason": "manyFailures", "count": failures})
    if errors := sum(count for status, count in day["statuses"].items() if status.startswith("5")):
        reasons.append({"reason": "serverErrors", "count": errors})
    high = failures >= QUARANTINE_FAILURES and (many or failures > QUARANTINE_ANYWAY)
    return {"risk": "high" if high else "watch" if reasons else "none", "reasons": reasons}


async def _feed(tenant: Tenant) -> dict[str, Any]:
    """Return the number of the newest event, and what waits to be numbered, MOST_WAITING counted at most."""
    row = await tenant.read(keys.FEED)
    waiting = await tenant.under(keys.outbox(), MOST_WAITING, keys_only=True)
    oldest = min((each.modified for each in waiting if each.modified), default="")
    return {"last": _last(row) if row else 0, "waiting": len(waiting), "waitingSince": oldest or None}


def _last(head: Row) -> int:
    try:
        return head_in(head).last
    except Damaged:  # `verify` tells of it
        return 0


async def _webhooks(service: TenantService, last: int) -> list[dict[str, Any]]:
    """Return each webhook, how many events it is behind, whatever their types, and how it fares."""
    rows = await service.tenant.under(keys.webhook())
    if not rows:
        return []
    from scim.webhooks.webhook import webhook_of  # here, since few tenants have any

    told = []
    for row in rows:
        try:
            each = webhook_of(service.tenant.name, row)
            place = service.feed.number(each.cursor)
        except Damaged:
            told.append({"id": keys.last_part(row.key), "enabled": False, "whyDisabled": "its row cannot be read"})
            continue
        state = {"enabled": each.enabled, "whyDisabled": each.why_disabled or None, "behind": max(last - place, 0)}
        state |= {"lastSuccess": each.last_success or None, "lastFailure": each.last_failure or None}
        state |= {"lastError": each.last_error or None, "failures": each.failures, "nextAttempt": each.due or None}
        told.append({"id": each.id, "url": each.url, **state})
    return told


def _totals(hours: Mapping[int, Counts], now: datetime, step: int, steps: int) -> dict[str, Any]:
    """Return the totals of so many steps of milliseconds, up to the one in which now lies, and a point for each."""
    last = int(now.timestamp() * 1000) // step * step
    points = {last - number * step: Counts() for number in range(steps)}
    for hour, counted in hours.items():
        if (start := hour // step * step) in points:
            points[start] = points[start] + counted
    whole = sum(points.values(), Counts())
    return _figures(whole) | {
        "statuses": dict(whole.statuses),
        "failuresByScimType": dict(whole.scim_types),
        "points": [{"time": _text(start)} | _figures(points[start]) for start in sorted(points)],
    }


def _figures(counted: Counts) -> dict[str, Any]:
    return {
        "requests": counted.requests,
        "failures": counted.failures,
        "testConnections": counted.tests,
        "storageCalls": counted.calls,
        "p50": counted.milliseconds(0.5),
        "p95": counted.milliseconds(0.95),
    }


def _text(milliseconds: int) -> str | None:
    return format_date_time(instant(milliseconds)) if milliseconds else None
