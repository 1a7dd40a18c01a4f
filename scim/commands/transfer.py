"""The file that a tenant is exported to and imported from: one JSON object a line (NDJSON), in UTF-8.

    {"format":"scim-tenant","version":1,"tenant":"scim","time":"2026-01-31T12:00:00.000Z"}     the header
    {"user":"<id>","lastModified":"...","document":{...}}           each user, in the order of ids
    {"group":"<id>","lastModified":"...","document":{...}}          each group, likewise
    {"group":"<id>","member":"<id>","kind":"user"}                  each membership; the kind is user or group
    {"end":true,"users":2,"groups":1,"memberships":1}               the last line; without it the file is cut short

A document is a resource without `id`, `schemas` and memberships, with `meta.created`. Names, look-ups, counts and the
record of changes are not in the file: they follow from it, or belong to the store.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from scim.commands.inspection import problem
from scim.directory import keys
from scim.directory.stored import Kind
from scim.protocol.active import stated
from scim.protocol.errors import ScimError
from scim.protocol.resource import Resource, parse_date_time, to_json, to_stored_json
from scim.storage.rows import Insert, Row, check_limits

FORMAT, VERSION = "scim-tenant", 1
MAX_LINE = 8 * 2**20
"""Bytes of a line: more than the largest resource takes with each of its characters escaped."""
LETTERS = {"user": "u", "group": "g"}
NAMES = {letter: name for name, letter in LETTERS.items()}
ORDER = ("users", "groups", "memberships")


class BrokenFile(Exception):
    """The file is no export, or not all of one; the text names the line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource of the file, and the number of its line."""

    line: int
    kind: Kind
    id: str
    modified: str
    document: Resource


@dataclass(frozen=True, slots=True)
class Link:
    """A membership of the file, and the number of its line; `letter` is the kind of the member."""

    line: int
    group_id: str
    member_id: str
    letter: str


def header(tenant: str, time: str) -> str:
    """Return the first line of a file."""
    return to_json({"format": FORMAT, "version": VERSION, "tenant": tenant, "time": time})


def resource_line(letter: str, row: Row, document: Resource) -> str:
    """Return the line of a user or group."""
    return to_json({NAMES[letter]: keys.last_part(row.key), "lastModified": row.modified, "document": document})


def membership_line(row: Row) -> str:
    """Return the line of a membership, from its row on the group's side."""
    _, group_id, member_id = row.key.split(".")
    return to_json({"group": group_id, "member": member_id, "kind": NAMES[row.body]})


def footer(counted: Counter[str]) -> str:
    """Return the last line of a file."""
    return to_json({"end": True, **{name: counted[name] for name in ORDER}})


class Reader:
    """Reads a file line by line, holding one line at a time."""

    def __init__(self, file: BinaryIO, kinds: dict[str, Kind]) -> None:
        self._file = file
        self._kinds = kinds
        self._counted: Counter[str] = Counter()
        self._last = (0, "")
        self.line = 0

    def __iter__(self) -> Iterator[Entry | Link]:
        """Yield what the file holds. Raises BrokenFile naming the first line that does not belong into an export."""
        self._check_header()
        while "end" not in (read := self._next()):
            yield self._link(read) if "member" in read else self._entry(read)
        if read != json.loads(footer(self._counted)):
            told = ", ".join(f"{self._counted[name]:,} {name}" for name in ORDER)
            raise self._broken(f"the end tells other numbers than the {told} that there are: lines are missing")
        if self._file.readline(1):
            self.line += 1
            raise self._broken("there is something behind the end")

    def _check_header(self) -> None:
        try:
            read = self._next()
        except BrokenFile:
            read = {}
        if read.get("format") != FORMAT:
            raise self._broken("no header of an export; name a file that `python -m scim export` has written, unpacked")
        if read.get("version") != VERSION:
            raise self._broken(f"version {read.get('version')!r} of the format; this program reads version {VERSION}")

    def _next(self) -> dict[str, Any]:
        text = self._file.readline(MAX_LINE + 1)
        self.line += 1
        if not text:
            raise self._broken("the file ends here, before the line that ends an export: it is cut short")
        if len(text) > MAX_LINE:
            raise self._broken(f"longer than {MAX_LINE:,} bytes")
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            cut = "" if text.endswith(b"\n") else "; the file is cut short"
            raise self._broken(f"no JSON{cut}") from None
        if not isinstance(read, dict):
            raise self._broken("no JSON object")
        return read

    def _entry(self, read: dict[str, Any]) -> Entry:
        name = "user" if "user" in read else "group"
        if set(read) != {name, "lastModified", "document"} or not isinstance(read["document"], dict):
            raise self._broken("neither a user, a group, a membership nor the end")
        kind = self._kinds["User" if name == "user" else "Group"]
        resource_id, modified, document = read[name], read["lastModified"], stated(kind.type, read["document"])
        self._check_order(name + "s", resource_id)
        if not isinstance(modified, str) or parse_date_time(modified) is None:
            raise self._broken("lastModified is no time")
        if foreign := {"id", "schemas", kind.edges} & set(document):
            raise self._broken(f"the document must not have {', '.join(sorted(foreign))}")
        body = to_stored_json(document)
        if wrong := problem(kind, Row(kind.key(resource_id), body, "", modified)):
            raise self._broken(wrong)
        try:
            check_limits([Insert(kind.key(resource_id), body)])
        except ScimError as error:
            raise self._broken(error.detail) from None
        return Entry(self.line, kind, resource_id, modified, document)

    def _link(self, read: dict[str, Any]) -> Link:
        if set(read) != {"group", "member", "kind"} or read["kind"] not in tuple(LETTERS):
            raise self._broken("no membership: it takes group, member, and a kind that is user or group")
        self._check_order("memberships", read["group"], read["member"])
        if read["group"] == read["member"]:
            raise self._broken("a group cannot be a member of itself")
        return Link(self.line, read["group"], read["member"], LETTERS[read["kind"]])

    def _check_order(self, sort: str, *ids: Any) -> None:
        """Each line has to sort behind the one before, so that nothing can be there twice."""
        if not all(isinstance(each, str) and keys.is_id(each) for each in ids):
            raise self._broken("an id is not 32 hexadecimal digits")
        place = (ORDER.index(sort), ".".join(ids))
        if place <= self._last:
            raise self._broken("out of order, or there twice")
        self._last = place
        self._counted[sort] += 1

    def _broken(self, text: str) -> BrokenFile:
        return BrokenFile(f"line {self.line}: {text}")
