"""A directory from a CSV or JSON file."""

import csv
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from scim.simulate.source.directory import Directory, Person, Standing, Team
from scim.simulate.source.mapping import COLUMNS

_REFERENCES = ("active", "manager", "groups")
_TRUTH = {"": True, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class UnusableFile(Exception):
    """The file cannot be a directory; the text says what to change, with the line or entry."""


def load(path: Path) -> Directory:
    """Return the directory in a .csv or .json file (UTF-8).

    Raises UnusableFile for a file that is missing, no CSV or JSON, or names nobody it holds.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnusableFile(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnusableFile(f"{path}: is not UTF-8 text: {error}") from error
    if path.suffix.lower() == ".json":
        return from_json(text, str(path))
    if path.suffix.lower() == ".csv":
        return from_csv(text, str(path))
    raise UnusableFile(f"{path}: name the file .csv or .json")


def from_csv(text: str, source: str) -> Directory:
    """Return the directory of one user for each row; `groups` holds group names parted by semicolons."""
    rows = csv.DictReader(StringIO(text))
    builder = _Builder()
    for row in _rows(rows, source):
        where = f"{source}, line {rows.line_num}"
        if None in row:
            raise UnusableFile(f"{where}: more cells than columns; quote the cells that hold a comma")
        cells = {name: (value or "").strip() for name, value in row.items()}
        groups = [name.strip() for name in cells.pop("groups", "").split(";") if name.strip()]
        builder.add_person(cells, where)
        for name in groups:
            builder.join(name, cells["userName"])
    return builder.finish(source)


def _rows(rows: "csv.DictReader[str]", source: str) -> Iterator[dict[str, str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise UnusableFile(f"{source}, line {rows.line_num}: is not CSV: {error}") from error


def from_json(text: str, source: str) -> Directory:
    """Return the directory of `{"users": [...], "groups": [{"displayName", "members": [userName]}]}`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnusableFile(f"{source}: is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("users"), list):
        raise UnusableFile(f'{source}: must be an object with a list "users"')
    builder = _Builder()
    for number, entry in enumerate(document["users"]):
        builder.add_person(_cells(entry, f"{source}, users[{number}]"), f"{source}, users[{number}]")
    groups = document.get("groups", [])
    if not isinstance(groups, list):
        raise UnusableFile(f'{source}: "groups" must be a list')
    for number, entry in enumerate(groups):
        builder.add_group(entry, f"{source}, groups[{number}]")
    return builder.finish(source)


def _cells(entry: Any, where: str) -> dict[str, str]:
    """Return a JSON user as cells of text; true and numbers become text, null an empty cell."""
    if not isinstance(entry, dict):
        raise UnusableFile(f"{where}: must be an object")
    cells: dict[str, str] = {}
    for name, value in entry.items():
        if isinstance(value, (list, dict)):
            raise UnusableFile(f'{where}: "{name}" must be text')
        cells[name] = "" if value is None else str(value)
    return cells


class _Builder:
    """Collects people and teams by name, then turns the names of managers and members into keys."""

    def __init__(self) -> None:
        self._directory = Directory()
        self._keys: dict[str, str] = {}
        self._managers: list[tuple[Person, str, str]] = []
        self._teams: dict[str, Team] = {}
        self._members: list[tuple[Team, str]] = []

    def add_person(self, cells: Mapping[str, str], where: str) -> None:
        unknown = [name for name in cells if name not in COLUMNS and name not in _REFERENCES]
        if unknown:
            known = ", ".join([*COLUMNS, *_REFERENCES])
            raise UnusableFile(f"{where}: there is no column {unknown[0]!r}; known are {known}")
        name = cells.get("userName", "")
        if not name:
            raise UnusableFile(f"{where}: userName is empty or missing")
        if name.casefold() in self._keys:
            raise UnusableFile(f"{where}: userName {name} occurs twice")
        active = _TRUTH.get(cells.get("active", "").lower())
        if active is None:
            raise UnusableFile(f"{where}: active must be true or false, not {cells['active']!r}")
        key = cells.get("externalId") or str(uuid5(NAMESPACE_URL, f"user:{name.casefold()}"))
        if key in self._directory.people:
            raise UnusableFile(f"{where}: externalId {key} occurs twice")
        # An empty cell is an attribute without a value, and Entra does not provision nulls.
        values = {"externalId": key} | {COLUMNS[n]: v for n, v in cells.items() if n in COLUMNS and v}
        person = Person(key, values, standing=Standing.PRESENT if active else Standing.LEFT)
        self._keys[name.casefold()] = key
        self._directory.add_person(person)
        if cells.get("manager"):
            self._managers.append((person, cells["manager"], where))

    def add_group(self, entry: Any, where: str) -> None:
        name = entry.get("displayName") if isinstance(entry, dict) else None
        members = entry.get("members", []) if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name or not isinstance(members, list):
            raise UnusableFile(f'{where}: must have a "displayName" and a list "members" of user names')
        if name.casefold() in self._teams:
            raise UnusableFile(f"{where}: displayName {name} occurs twice")
        team = self._team(name, str(entry.get("externalId") or ""))
        self._members += [(team, str(member)) for member in members]

    def join(self, group: str, user_name: str) -> None:
        self._members.append((self._team(group, ""), user_name))

    def _team(self, name: str, external_id: str) -> Team:
        if name.casefold() not in self._teams:
            key = external_id or str(uuid5(NAMESPACE_URL, f"group:{name.casefold()}"))
            team = Team(key, {"displayName": name, "externalId": key})
            self._teams[name.casefold()] = team
            self._directory.add_team(team)
        return self._teams[name.casefold()]

    def finish(self, source: str) -> Directory:
        if not self._directory.people:
            raise UnusableFile(f"{source}: holds no users; the first line of a CSV must name the columns")
        for person, manager, where in self._managers:
            if manager.casefold() not in self._keys:
                raise UnusableFile(f"{where}: manager {manager} is no userName of this file")
            person.manager = self._keys[manager.casefold()]
        for team, member in self._members:
            if member.casefold() not in self._keys:
                raise UnusableFile(f"{source}: member {member} of {team.name} is no userName of this file")
            team.members.add(self._keys[member.casefold()])
        return self._directory
