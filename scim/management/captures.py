"""What an administrator does with the capture of a tenant, for the command line and for HTTP alike."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from operator import itemgetter
from typing import Any

from scim.access.registry import Registry
from scim.directory import keys
from scim.directory.aside import aside
from scim.directory.capture import MAX_MINUTES, MAX_REQUESTS, Capture, Captured, told
from scim.management.replay import recording
from scim.protocol.errors import InvalidCursor, InvalidValue, NotFound
from scim.protocol.resource import format_date_time
from scim.service.tenants import TenantService

VALUES = ("masked", "plain")
DEFAULT_MINUTES = 15
MAX_PAGES = 20
"""Pages that a download is made of, each of which has a hundred exchanges."""
MAX_CHARACTERS = 20_000_000
"""Of a download; later exchanges are left out, which it says."""
_PAGE = 100


class Captures:
    """The capture of one tenant. Every method raises ScimErrors: InvalidValue, NotFound, Unavailable."""

    def __init__(self, registry: Registry, service: TenantService) -> None:
        self._registry, self._service, self._captured = registry, service, Captured(service.tenant)

    async def start(self, minutes: int = DEFAULT_MINUTES, requests: int = MAX_REQUESTS, values: str = "masked") -> Any:
        """Capture from now on, in every process within ten seconds: for so long, or so many requests."""
        _check("minutes", minutes, MAX_MINUTES)
        _check("requests", requests, MAX_REQUESTS)
        if values not in VALUES:
            raise InvalidValue(f"values must be {' or '.join(VALUES)}.")
        self._service.check_active()
        tenant = self._service.tenant
        capture = Capture(
            id=tenant.new_mark(),
            started=tenant.time(),
            until=format_date_time(tenant.now() + timedelta(minutes=minutes)),
            requests=requests,
            values=values,
            salt=secrets.token_hex(16),
        )
        await self._captured.begin(capture)
        await self._told_everybody(capture.body())
        return told(capture, tenant.now())

    async def stop(self) -> Any:
        """Capture nothing more; what was captured stays for its day."""
        capture = await self._captured.end()
        await self._told_everybody("")
        return {"capture": told(capture, self._service.tenant.now()) if capture else None}

    async def _told_everybody(self, text: str) -> None:
        key = self._service.record.key
        if self._service.record.capture != text:
            await self._registry.change_tenant(key, lambda each: replace(each, capture=text))

    async def show(self, count: int = 50, cursor: str = "") -> dict[str, Any]:
        """Return what is captured, and a page of the exchanges, the newest first."""
        if cursor and not keys.is_captured(cursor):
            raise InvalidCursor("The cursor is none of a capture; take it from nextCursor of the page before.")
        capture = await self._captured.capture()
        heads, following = await self._captured.heads(count, cursor)
        state = told(capture, self._service.tenant.now()) if capture else None
        return {"capture": state, "exchanges": heads, "nextCursor": following}

    async def exchange(self, exchange_id: str) -> dict[str, Any]:
        """Return one exchange: its head, and request and answer with headers and body as text."""
        head, whole = await self._captured.exchange(exchange_id)
        return {**head, **whole}

    async def download(self) -> dict[str, Any]:
        """Return what was captured last as a recorded exchange, the oldest request first; see `replay`."""
        capture = await self._captured.capture()
        if capture is None:
            raise NotFound("Nothing was captured of this tenant, or it is more than a day ago; start a capture first.")
        heads: list[Mapping[str, Any]] = []
        cursor: str | None = ""
        for _ in range(MAX_PAGES):
            page, cursor = await self._captured.heads(_PAGE, cursor or "")
            heads += [each for each in page if each["capture"] == capture.id]
            if cursor is None:
                break
        wholes, left_out, size = [], 0, 0
        for head in sorted(heads, key=itemgetter("number")):  # several may have one millisecond
            size += head["bytesSent"] + head["bytesAnswered"]
            if not head["replayable"] or size > MAX_CHARACTERS:
                left_out += 1
                continue
            try:
                whole = (await self._captured.exchange(str(head["id"])))[1]
            except NotFound:  # a piece of it is damaged
                left_out += 1
                continue
            wholes.append({**head, **whole})
        return await aside(partial(recording, self._service.record.key, capture, wholes, left_out), size)


def _check(name: str, value: Any, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise InvalidValue(f"{name} must be a whole number from 1 to {most:,}.")


def as_file(recorded: Mapping[str, Any]) -> bytes:
    """Return a recorded exchange as the text of a file."""
    return (json.dumps(recorded, ensure_ascii=False, indent=2) + "\n").encode(errors="replace")
