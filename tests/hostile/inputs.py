"""Hostile inputs as data: what is sent, written short, and what it may cost."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Exchange:
    """One request; `named` keeps the id of what it makes under a name that later paths and bodies have in braces."""

    method: str
    path: str
    body: Any = None
    named: str = ""

    def content(self, ids: Mapping[str, str]) -> bytes:
        """Return the body as it goes over the wire."""
        if self.body is None:
            return b""
        return json.dumps(unfolded(self.body, ids), ensure_ascii=False, separators=(",", ":")).encode()

    def address(self, ids: Mapping[str, str]) -> str:
        """Return the path with ids in place of names."""
        return _named(self.path, ids)


@dataclass(frozen=True)
class Input:
    """A hostile input: what is there before it, the request, and the statuses that may answer it."""

    name: str
    about: str
    request: Exchange
    status: list[int]
    before: list[Exchange] = field(default_factory=list)
    scan_rows: int = 20_000
    bounds: Mapping[str, int] = field(default_factory=dict)


def inputs() -> Iterator[Input]:
    """Yield the inputs, in the order of their names."""
    for path in sorted(FOLDER.glob("*.json")):
        written = json.loads(path.read_text(encoding="utf-8"))
        written["request"] = Exchange(**written["request"])
        written["before"] = [Exchange(**each) for each in written.get("before", ())]
        yield Input(path.stem, **written)


def unfolded(value: Any, ids: Mapping[str, str], number: int = 0) -> Any:
    """Return a body in full.

    `{"$text": [part, [part, times], ...]}` is a text, `{"$list": [item, times]}` a list, `{"$names": [name, item,
    times]}` an object, `{"$join": [separator, text, times]}` a text again. `#` stands for the number of the repetition.
    """
    match value:
        case {"$text": parts}:
            return "".join(_text(part, number) for part in parts)
        case {"$list": [item, times]}:
            return [unfolded(item, ids, each) for each in range(times)]
        case {"$names": [name, item, times]}:
            return {name.replace("#", str(each)): unfolded(item, ids, each) for each in range(times)}
        case {"$join": [separator, text, times]}:
            return separator.join(text.replace("#", str(each)) for each in range(times))
        case dict():
            return {name: unfolded(item, ids, number) for name, item in value.items()}
        case list():
            return [unfolded(item, ids, number) for item in value]
        case str():
            return _named(value.replace("#", str(number)), ids)
    return value


def _text(part: Any, number: int) -> str:
    text, times = part if isinstance(part, list) else (part, 1)
    return str(text).replace("#", str(number)) * times


def _named(text: str, ids: Mapping[str, str]) -> str:
    for name, resource_id in ids.items():
        text = text.replace(f"{{{name}}}", resource_id)
    return text
