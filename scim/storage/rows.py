"""The storage protocol: rows under keys in partitions, read one, read a range, commit several at once.

Rules that every store keeps (tests/storage/rows_contract.py holds them as tests):

- A partition is a sorted map from key to row. Keys sort by their UTF-8 bytes.
- A commit is atomic: all changes or none. Each key at most once, at most MAX_CHANGES changes,
  at most MAX_COMMIT_BYTES in all, each body at most MAX_BODY_BYTES.
- A read or a range that begins after a commit was acknowledged sees it.
- Each put or touch gives the row a new version; a version never comes back for other content.
- Each commit has a mark, which each row that it writes or touches bears until the next commit does. So the mark is
  known before the commit, which a version is not.
- Rows sort by their `order` as their commits followed each other, wherever the later one saw what the earlier one did.
- A commit that was applied is never reported as a Conflict, even when the answer to a first try was lost.

The limits are those of an entity group transaction of Azure Table Storage, so that a service that runs on the
embedded store meets the same ones.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from scim.protocol.errors import InvalidValue, PayloadTooLarge

MAX_CHANGES = 100
MAX_BODY_BYTES = 900_000
"""Bytes of one body as UTF-16, the form in which the service counts text: below the 1 MiB of an entity."""
MAX_COMMIT_BYTES = 4_000_000
"""Bytes of one commit on the wire, estimated from above: below the 4 MiB of a transaction."""
MAX_KEY = 512
"""Characters of a key: 1 KiB as UTF-16."""
_CHANGE_OVERHEAD = 1_000
"""Bytes that a change takes on the wire besides its body and its key: mostly headers, 470 to 770 bytes."""
_KEY = re.compile(rf'[!"$&-.0->@-\[\]-~]{{1,{MAX_KEY}}}')


class Row(NamedTuple):
    """One stored row. `modified` is a time in the form of `meta.lastModified`, or empty.

    `mark` is that of the commit which wrote or touched the row last, `order` a text that sorts by when that was.
    """

    key: str
    body: str
    version: str
    modified: str = ""
    mark: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row; the commit conflicts if the key is taken."""

    key: str
    body: str
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Record(Insert):
    """A new row whose key belongs to this commit alone, and which nobody changes and nobody deletes for hours.

    A store tells by it, in one read, whether a commit whose answer was lost was applied; and a try that arrives after
    another one was applied is refused because of it.
    """


@dataclass(frozen=True, slots=True)
class Replace:
    """New content for a row that must still have the version; the commit conflicts otherwise."""

    key: str
    body: str
    version: str
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """A row to remove; the commit conflicts if it is not there, or has another version where one is given."""

    key: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """A row that must be there: it gets a new version and keeps its body; `modified` changes unless empty.

    Two touches of one row never conflict with each other, which lets parallel writers share a parent row. One with a
    version conflicts when the row has another one.
    """

    key: str
    modified: str = ""
    version: str | None = None


RowChange = Insert | Replace | Delete | Touch


class RowConflict(Exception):
    """A commit was not applied because a row was not as a change expects it; nothing was written."""


class Rows(Protocol):
    """A store of rows.

    Every method raises `Unavailable` when the store does not answer in time; `commit` raises `RowConflict`.
    """

    async def read(self, partition: str, key: str) -> Row | None:
        """Return the row, or None if there is none."""
        ...

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        """Return the first `limit` rows with after < key < before, in key order; fewer only at the end.

        With `keys_only` the bodies are empty strings, which costs the store less.
        """
        ...

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        """Apply all changes or none; return the new version of each changed row, "" for deleted ones.

        `mark` is what no other commit has; without one the store makes it (`new_mark`).
        Raises RowConflict when nothing was applied; ValueError, PayloadTooLarge or InvalidValue when a change
        breaks a rule of `check_limits`. After Unavailable it is open whether the commit was applied.
        """
        ...

    async def check(self) -> None:
        """Return when the store answers; raise `Unavailable` when it does not."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


def new_mark() -> str:
    """Return a mark that no other commit has: 64 random bits in hexadecimal digits."""
    return secrets.token_hex(8)


def is_key(text: str) -> bool:
    """Return whether a row can have this key; see `check_key`."""
    return _KEY.fullmatch(text) is not None


def check_key(key: str) -> None:
    """Raise ValueError on a key of a row or partition that Table Storage would refuse or sort differently.

    A key is 1 to 512 visible ASCII characters without `/ \\ # ? %`. The service takes more than ASCII, but
    sorts it by UTF-16 units where SQLite sorts by bytes, and `%` is known to break its URLs.
    https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
    """
    if not is_key(key):
        raise ValueError(f"a key is 1 to {MAX_KEY} printable ASCII characters without / \\ # ? %, not {key!a:.80}")


def check_limits(changes: Sequence[RowChange]) -> None:
    """Raise what is wrong with a commit before a store sees it.

    Raises PayloadTooLarge when a body or the whole is too large; InvalidValue when a body has half of a
    surrogate pair, which no store can write; ValueError on what only a bug can cause: no change or too many of
    them, one key twice, or a key that `check_key` refuses. The emulator of Table Storage does not check these.
    """
    if not 0 < len(changes) <= MAX_CHANGES:
        raise ValueError(f"a commit takes 1 to {MAX_CHANGES} changes, not {len(changes)}")
    if len({change.key for change in changes}) != len(changes):
        raise ValueError("a commit changes each key once")
    total = sum(_wire_bytes(change) for change in changes)
    if total > MAX_COMMIT_BYTES:
        raise PayloadTooLarge(
            f"The change would write {total:,} bytes in one transaction; the limit is {MAX_COMMIT_BYTES:,}."
            " Send fewer or shorter values."
        )


def _wire_bytes(change: RowChange) -> int:
    """Return the estimated bytes of one change in a transaction, after checking its key and body."""
    check_key(change.key)
    around = _CHANGE_OVERHEAD + 2 * len(change.key)
    if not isinstance(change, (Insert, Replace)):
        return around
    try:
        stored = 2 * len(change.body) if change.body.isascii() else len(change.body.encode("utf-16-le"))
    except UnicodeEncodeError as error:
        raise InvalidValue(
            "A value has half of a surrogate pair, which is not a character. Send well-formed Unicode."
        ) from error
    if stored > MAX_BODY_BYTES:
        raise PayloadTooLarge(
            f"The resource would take {stored:,} bytes in storage; the limit is {MAX_BODY_BYTES:,}."
            " Send fewer or shorter values."
        )
    # A body travels as a JSON string in ASCII: quotes, and all that is not ASCII, take 2 to 12 bytes.
    return around + len(json.dumps(change.body))
