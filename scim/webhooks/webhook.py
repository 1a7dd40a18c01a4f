"""A webhook as its row keeps it: where events go, how far it is, and how it fares."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, get_args

from scim.directory import keys
from scim.directory.feed_cursor import check_place
from scim.directory.tenant import Tenant
from scim.protocol.errors import NotFound
from scim.protocol.resource import format_date_time, to_json
from scim.security_events.token import JWKS, TOKEN_TYPES, Recipient
from scim.storage.damage import FORM, Damaged, record_in, unless_damaged
from scim.storage.rows import MAX_CHANGES, Delete, Insert, Replace, Row

MAX_WEBHOOKS = 20
"""Webhooks of one tenant."""
BOTH_SIGN = timedelta(hours=24)
"""For how long after a rotation the old secret signs beside the new one."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

OnFailure = Literal["stop", "skip"]
Form = Literal["standard", "security-event"]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook. Times are in the form of `meta.lastModified`, and empty where there was none.

    `types` are those of the events that it gets, none is all. `cursor` is where in the feed it goes on. `failures`
    counts those of the event that is next, which is tried again from `due` on. `sends_skipped` says that events which
    it skipped are to come before others.
    `generation` numbers its secrets, `key` is the version of the service's key that the newest one is made of,
    `old_key` that of the one before, which signs too until 24 hours after `rotated`.
    `lease` is who delivers at the moment, until `leased`.

    With an `issuer`, a Tenant URL, it gets Security Event Tokens, whose audience is its own `url`; and where
    `session_revoked` says as whom its receiver knows users, one more when a user's sessions end. `subject_issuer` has
    given users the name that is their externalId, for `iss_sub`.
    """

    id: str
    url: str
    cursor: str
    created: str
    key: str = ""
    types: tuple[str, ...] = ()
    on_failure: OnFailure = "stop"
    enabled: bool = True
    why_disabled: str = ""
    generation: int = 1
    old_key: str = ""
    rotated: str = ""
    failures: int = 0
    due: str = ""
    sends_skipped: bool = False
    last_success: str = ""
    last_error: str = ""
    last_failure: str = ""
    lease: str = ""
    leased: str = ""
    issuer: str = ""
    session_revoked: Literal["", "email", "iss_sub", "scim"] = ""
    subject_issuer: str = ""

    @property
    def form(self) -> Form:
        """In which form it gets events."""
        return "security-event" if self.issuer else "standard"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The types of the events that it gets; none is all."""
        return self.types or (TOKEN_TYPES if self.issuer else ())

    @property
    def recipient(self) -> Recipient:
        """Whom its tokens are for."""
        return Recipient(self.id, self.issuer, self.url)

    def body(self) -> str:
        """Return the text of the row."""
        return to_json({"form": FORM, **asdict(self)})

    def secrets(self, now: datetime) -> list[tuple[int, str]]:
        """Return generation and key version of the secrets that sign now, the newest first."""
        found = [(self.generation, self.key)]
        if self.rotated and now < _moment(self.rotated) + BOTH_SIGN:
            found.append((self.generation - 1, self.old_key))
        return found

    def waits(self, now: datetime) -> bool:
        """Whether there is nothing to be delivered now, whatever the feed has."""
        return not self.enabled or now < self.held_until()

    def held_until(self) -> datetime:
        """Return when the next attempt may be, and whoever delivers at the moment has had his time."""
        return max(_moment(self.leased if self.lease else ""), _moment(self.due))


def webhook_of(tenant: str, row: Row) -> Webhook:
    """Return the webhook of a row of a tenant. Raises Damaged."""
    webhook = Webhook(**record_in(row, Webhook))
    check_place(row, tenant, webhook.cursor)
    try:
        for time in filter(None, (webhook.rotated, webhook.due, webhook.leased)):
            if _moment(time).tzinfo is None:
                raise ValueError
    except ValueError:
        raise Damaged(row.key, "one of its times is none") from None
    return webhook


def later(now: datetime, seconds: float) -> str:
    """Return a time so many seconds after another, as a row keeps it."""
    return format_date_time(now + timedelta(seconds=seconds))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else _LONG_AGO


class WebhookRows:
    """The webhooks of one tenant, and the numbers of the events that each has skipped."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant, self._read = tenant, partial(webhook_of, tenant.name)

    async def all(self) -> list[Webhook]:
        """Return all webhooks but those whose rows cannot be read, which is logged."""
        found: list[Webhook] = []
        for row in await self._tenant.under(keys.webhook()):
            with suppress(Damaged):
                found.append(self._read(row))
        return found

    async def any(self) -> bool:
        """Whether there is any webhook."""
        return bool(await self._tenant.under(keys.webhook(), 1, keys_only=True))

    async def get(self, webhook_id: str) -> Webhook:
        """Return a webhook. Raises NotFound, Damaged."""
        return self._read(await self._row(webhook_id))

    async def add(self, webhook: Webhook) -> None:
        """Keep a new webhook."""
        await self._tenant.commit([Insert(keys.webhook(webhook.id), webhook.body(), self._tenant.time())])

    async def change(self, webhook_id: str, change: Callable[[Webhook], Webhook], *further: Delete | Insert) -> Webhook:
        """Return the webhook after the change, which is applied again to what others have changed meanwhile.

        `further` rows change with it. Raises NotFound, Damaged, and what `change` raises.
        """

        async def attempt(_: int) -> Webhook:
            row = await self._row(webhook_id)
            current = self._read(row)
            changed = change(current)
            if changed != current or further:
                kept = Replace(row.key, changed.body(), row.version, self._tenant.time())
                await self._tenant.commit([kept, *await self._tenant.settled(further)])
            return changed

        return await self._tenant.retried(attempt)

    async def remove(self, webhook_id: str) -> None:
        """Take a webhook away, also a damaged one, and what it has skipped. Raises NotFound, Newer."""
        row = await self._row(webhook_id)
        unless_damaged(row, self._read)  # a damaged one goes, too; one of a newer release stays
        while skipped := await self.skipped(webhook_id, MAX_CHANGES):
            await self.forget(webhook_id, skipped)
        await self._delete([row.key])

    async def skipped(self, webhook_id: str, limit: int) -> list[int]:
        """Return the numbers of the first events that a webhook has skipped."""
        rows = await self._tenant.under(keys.skipped(webhook_id), limit, keys_only=True)
        return [keys.number(row.key) for row in rows]

    async def forget_skipped(self, webhook_id: str, first: int) -> int:
        """Let go some of the numbers before the first that the feed still has; return how many."""
        bounds = keys.skipped(webhook_id), keys.skipped(webhook_id, first)
        gone = await self._tenant.range(*bounds, MAX_CHANGES, keys_only=True)
        await self._delete([row.key for row in gone])
        return len(gone)

    async def forget(self, webhook_id: str, numbers: Sequence[int]) -> None:
        """Let go numbers of skipped events, MAX_CHANGES at most."""
        await self._delete([keys.skipped(webhook_id, number) for number in numbers])

    async def _delete(self, gone: Sequence[str]) -> None:
        async def attempt(_: int) -> None:
            if left := await self._tenant.settled(map(Delete, gone)):
                await self._tenant.commit(left)

        await self._tenant.retried(attempt)

    async def _row(self, webhook_id: str) -> Row:
        row = await self._tenant.read(keys.webhook(webhook_id)) if keys.is_id(webhook_id) else None
        if row is None:
            raise NotFound(f"There is no webhook '{webhook_id[:64]}'.")
        return row


def enabled(webhook: Webhook, cursor: str = "") -> Webhook:
    """Return a webhook that delivers at once, from a cursor or from where it is."""
    return replace(
        webhook, enabled=True, why_disabled="", failures=0, due="", cursor=cursor or webhook.cursor, lease="", leased=""
    )


def as_told(webhook: Webhook) -> dict[str, Any]:
    """Return what people are told of a webhook, without its state."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "types": list(webhook.types),
        "onFailure": webhook.on_failure,
        "enabled": webhook.enabled,
        "whyDisabled": webhook.why_disabled or None,
        "created": webhook.created,
        "form": webhook.form,
    } | _of_tokens(webhook)


def _of_tokens(webhook: Webhook) -> dict[str, Any]:
    """Return what a receiver of tokens has to know: by whom and for whom they are, and where the keys are."""
    if not webhook.issuer:
        return {}
    told = {"issuer": webhook.issuer, "audience": webhook.url, "jwks": f"{webhook.issuer}/{JWKS}"}
    return told | {"sessionRevoked": webhook.session_revoked or None, "subjectIssuer": webhook.subject_issuer or None}
