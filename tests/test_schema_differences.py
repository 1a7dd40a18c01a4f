"""Where our schemas are otherwise than those of RFC 7643, the page on conformance says so, and nowhere else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scim2_models import EnterpriseUser, Group, User

from scim.protocol.schema import load_schemas

PAGE = Path(__file__).parent.parent / "docs" / "conformance.md"
CHARACTERISTICS = ("type", "multiValued", "mutability", "returned", "uniqueness", "required")
OTHERWISE_THERE = {"manager.$ref", "manager.value", "members.display"}
"""Where the package is otherwise than the schemas of RFC 7643 §8.7.1, which are followed here: the first two are
required by the text of §4.3, the last one is of the sub-attributes of §2.4."""


def by_path(attributes: Iterable[Mapping[str, Any]], around: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for each in attributes:
        path = f"{around}{each['name']}"
        subs = each.get("subAttributes") or ()
        yield path, {name: each.get(name) for name in CHARACTERISTICS if each.get(name) is not None}
        yield from by_path(subs, f"{path}.")


def test_the_page_tells_each_difference() -> None:
    """Who reads it compares no schemas, and believes that the rest is as the RFC has it."""
    ours = {schema.id: dict(by_path(schema.document["attributes"])) for schema in load_schemas().all}
    found: set[str] = set()
    for model in (User, Group, EnterpriseUser):
        document = model.to_schema().model_dump()
        mine, theirs = ours[document["id"]], dict(by_path(document["attributes"]))
        found |= mine.keys() ^ theirs.keys()
        found |= {path for path in mine.keys() & theirs.keys() if _differ(mine[path], theirs[path])}
    section = PAGE.read_text(encoding="utf-8").partition("Otherwise than in the schemas")[2].partition("\n## ")[0]
    told = {name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in _named(row)}
    assert found - OTHERWISE_THERE == told


def _named(row: str) -> Iterator[str]:
    """Yield the attributes of a row, as in "`display` of `emails`, `photos`"; a group's own is named by itself."""
    first, *others = re.findall(r"`([^`]+)`", row)
    yield from (f"{each}.{first}" for each in others) if others else (first,)


def _differ(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return any(mine[name] != theirs[name] for name in mine.keys() & theirs.keys())
