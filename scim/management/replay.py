"""Makes of captured exchanges a recording that can be replayed against an empty directory.

The form is that of the files in tests/clients: `about` and `source`, what is `given` beforehand, and `exchanges`. An
id or a version that an answer gave is `kept` under a name, which stands as `<name>` wherever it is used again; a user
or group that was there before the capture is given.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scim.directory.capture import Capture
from scim.protocol.errors import InvalidSyntax
from scim.service.messages import parse_json

HEADERS = ("accept", "content-type", "if-match", "if-none-match", "user-agent")
"""Headers that are sent again."""
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_NAMES = {"Users": "userName", "Groups": "displayName"}
_CHANGING = ("meta", "id", "$ref", "groups", "members")
"""Members of an answer that another service, or another day, has otherwise."""


def recording(key: str, capture: Capture, wholes: Sequence[Mapping[str, Any]], left_out: int) -> dict[str, Any]:
    """Return the recording of exchanges, the oldest first; `left_out` of them cannot be replayed."""
    about = f"Captured from tenant {key}, {capture.values} values"
    about += f"; {left_out} exchanges are left out, which were cut, are damaged or are no JSON." if left_out else "."
    names = _Names()
    exchanges = [_exchange(each, names) for each in wholes]
    return {"about": about, "source": f"capture of {capture.started}", "given": names.given, "exchanges": exchanges}


class _Names:
    """The names that stand for ids and versions of the captured service."""

    def __init__(self) -> None:
        self.given: dict[str, dict[str, Any]] = {}
        self._known: dict[str, str] = {}
        self.made: set[str] = set()

    def name(self, text: str, letter: str) -> str:
        """Return the name of what an answer gave."""
        return self._known.setdefault(text, f"{letter}{len(self._known) + 1}")

    def give(self, resource_id: str, kind: str, resource: Any) -> None:
        """Have a resource made beforehand unless it is known; with the attributes of an answer that shows it."""
        if resource_id in self._known:
            return
        name = self.name(resource_id, "g")
        shown = _kept(resource) if isinstance(resource, dict) and resource.get("id") == resource_id else {}
        shown.pop("schemas", None)
        self.given[name] = {_NAMES[kind]: f"{name}@masked.example", **self.replaced(shown)}

    def replaced(self, value: Any) -> Any:
        """Return a value in which names stand for what is known."""
        text = json.dumps(value, ensure_ascii=False)
        return json.loads(_ID.sub(lambda found: self._named(found[0]), text))

    def text(self, text: str) -> str:
        """The same of a text, versions among it."""
        text = _ID.sub(lambda found: self._named(found[0]), text)
        for known, name in self._known.items():
            if known.startswith("W/"):
                text = text.replace(known, f"<{name}>")
        return text

    def _named(self, text: str) -> str:
        return f"<{self._known[text]}>" if text in self._known else text


def _exchange(whole: Mapping[str, Any], names: _Names) -> dict[str, Any]:
    sent, answered = _read(whole["request"]["body"]), _read(whole["answer"]["body"])
    target, created = str(whole["target"]), whole["method"] == "POST" and whole["status"] == 201
    found = re.match(r"/+(Users|Groups)/+([0-9a-f]{32})", target, re.IGNORECASE)
    shown = answered if isinstance(answered, dict) else {}
    if found and whole["status"] < 400:
        names.give(found[2], found[1].capitalize(), shown)
    own = {str(shown.get("id"))} if created else set()
    if whole["status"] < 400 and isinstance(sent, (dict, list)):
        for resource_id in _ID.findall(json.dumps(sent)):
            if resource_id not in own:
                names.give(resource_id, "Users", {})
    told: dict[str, Any] = {"request": f"{whole['method']} {names.text(target)}", "status": whole["status"]}
    headers = {name: names.text(text) for name, text in whole["request"]["headers"].items() if name in HEADERS}
    if headers:
        told["headers"] = headers
    if isinstance(sent, (dict, list)):
        told["body"] = names.replaced(sent)
    elif sent:
        told["content"] = sent
    keep = _keep(shown, created, names) if whole["status"] < 300 else {}
    if (answer := _answer(shown, whole["status"], bool(keep), names)) is not None:
        told["answer"] = answer
    return told | ({"keep": keep} if keep else {})


def _keep(shown: Mapping[str, Any], created: bool, names: _Names) -> dict[str, str]:
    """Return what is kept of an answer: the id of what was made, and the version that later requests may name."""
    keep: dict[str, str] = {}
    if created and isinstance(shown.get("id"), str):
        keep[names.name(shown["id"], "r")] = "id"
        names.made.add(shown["id"])
    meta = shown.get("meta")
    version = meta.get("version") if isinstance(meta, dict) else None
    if isinstance(version, str) and version.startswith("W/"):
        keep[names.name(version, "v")] = "meta.version"
    return keep


def _answer(shown: Mapping[str, Any], status: int, known: bool, names: _Names) -> Any:
    """Return what is compared of an answer: an error's kind, or what was made within the recording."""
    if status >= 400:
        return {name: shown[name] for name in ("status", "scimType") if name in shown} or None
    if not known or str(shown.get("id")) not in names.made:
        return None
    return names.replaced(_kept(shown))


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _kept(each) for name, each in value.items() if name not in _CHANGING}
    return [_kept(each) for each in value] if isinstance(value, list) else value


def _read(text: str) -> Any:
    try:
        return parse_json(text.encode()) if text else ""
    except (InvalidSyntax, UnicodeEncodeError):  # also what is nested so deeply that nobody could walk through it
        return text
