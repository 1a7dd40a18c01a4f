"""What the journal says of one request and its answer, and which requests somebody wants to see."""

from dataclasses import dataclass, fields
from typing import Any

from scim.storage.damage import Damaged, fields_of, list_in
from scim.storage.rows import Row


@dataclass(slots=True)
class Entry:
    """One request and its answer. `at` is when it was answered, in milliseconds since 1970; `ms` how long it took.

    No body and no value, but for the name of whom it is about. `times` is above 1 where requests that were refused
    alike are told as one. `application` says that no provisioning client has made it, but the application behind the
    service: it tells nothing of how provisioning does.
    """

    function: str
    method: str
    status: int
    path: str = ""
    at: int = 0
    ms: float = 0.0
    calls: int = 0
    credential: str = ""
    client: str = ""
    id: str = ""
    name: str = ""
    scim_type: str = ""
    detail: str = ""
    attributes: tuple[str, ...] = ()
    request: str = ""
    changed: bool = False
    test: bool = False
    application: bool = False
    times: int = 1

    def kept(self) -> dict[str, Any]:
        """Return what a row keeps: all that says something."""
        kept = {name: value for name in _NAMES if (value := getattr(self, name)) or name == "at"}
        if self.times == 1:
            del kept["times"]
        return kept


_NAMES = tuple(each.name for each in fields(Entry))


def entries_in(row: Row) -> list[Entry]:
    """Return the requests of a row; what a later version keeps besides is left out. Raises Damaged."""
    try:
        return [Entry(**fields_of(Entry, each)) for each in list_in(row)]
    except (ValueError, TypeError) as error:
        raise Damaged(row.key, f"a request in it cannot be read: {error}") from None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests to show. An empty part holds for all; texts are parts of what they are compared with, in any case.

    `status` is a status such as 404, a class such as 4xx, or failed: 400 and above. `user` is an id, or part of a name.
    `since` and `until` are milliseconds since 1970, both included.
    """

    status: str = ""
    credential: str = ""
    client: str = ""
    user: str = ""
    text: str = ""
    since: int = 0
    until: int = 0

    def fits(self, entry: Entry) -> bool:
        """Whether the request is to be shown."""
        return (
            self._has_status(entry.status)
            and self.credential in ("", entry.credential)
            and self.client.casefold() in entry.client.casefold()
            and (self.user == entry.id or self.user.casefold() in entry.name.casefold())
            and self.since <= entry.at <= (self.until or entry.at)
            and (not self.text or self.text.casefold() in _words(entry))
        )

    def _has_status(self, status: int) -> bool:
        if self.status == "failed":
            return status >= 400
        return not self.status or str(status).startswith(self.status.removesuffix("xx"))


def _words(entry: Entry) -> str:
    """All texts of a request, divided by what no search has in it."""
    told = (entry.function, entry.method, entry.path, str(entry.status), entry.credential, entry.client, entry.id)
    return "\n".join((*told, entry.name, entry.scim_type, entry.detail, entry.request, *entry.attributes)).casefold()
