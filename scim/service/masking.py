"""Masks the values of a captured request: what they were shows no more, and equal ones stay equal."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

KEPT = frozenset(
    (
        *("schemas", "op", "type", "primary", "active", "method", "bulkid", "version"),
        *("resourcetype", "scimtype", "status", "created", "lastmodified", "attributes", "excludedattributes"),
        *("sortby", "sortorder", "cursor", "nextcursor", "startindex", "count", "totalresults", "itemsperpage"),
        *("failonerrors",),
    )
)
"""Members whose values are kept, in lower case: they are no person's, or ids that the service itself has made."""
PATHS = frozenset(("path", "filter"))
"""Members whose values are paths or filters, in which names stay and values are masked."""
HEADERS = frozenset(
    (
        *("accept", "accept-charset", "accept-encoding", "accept-language", "content-type", "content-length"),
        *("content-encoding", "transfer-encoding", "if-match", "if-none-match", "user-agent", "host", "prefer"),
        *("etag", "location", "retry-after", "cache-control", "allow", "x-content-type-options", "referrer-policy"),
    )
)
"""Headers whose values are kept; of others the name is."""
SECRET = re.compile(r"authoriz|cookie|token|secret|password|key", re.IGNORECASE)
"""Headers that may let somebody in: they are left out, masked or not."""
HIDDEN = "***"
_ID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_QUOTED = re.compile(r"([\w.:$-]+)(\s+\w\w\s+)(\"(?:[^\"\\]|\\.)*\"|'[^']*')")
_TOLD = re.compile(r"'[^']*'|[^\s'\"<>]+@[^\s'\"<>]+")


class Masking:
    """Masks by a salt that nobody is told: the same value gets the same mask, whatever its letter case."""

    def __init__(self, salt: str) -> None:
        self._salt = salt.encode()[:64]

    def text(self, value: str) -> str:
        """Return the mask of a text, in its shape: e-mail addresses, UUIDs and addresses stay such; ids stay."""
        if _ID.fullmatch(value) or value.lower() in ("", "true", "false"):
            return value
        digest = hashlib.blake2b(value.casefold().encode(errors="replace"), key=self._salt, digest_size=16).hexdigest()
        if _UUID.fullmatch(value):
            return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
        if value.lower().startswith(("http://", "https://")):
            return f"https://masked.example/{digest[:10]}"
        return f"x{digest[:10]}@masked.example" if "@" in value else f"x{digest[:10]}"

    def value(self, value: Any, name: str = "") -> Any:
        """Return a JSON value with its texts and numbers masked; `name` is the member that has it."""
        if isinstance(value, dict):
            return {self.path(key): self.value(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each, name) for each in value]
        if name.lower() in KEPT or value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return int(self.text(str(value)).encode().hex(), 16) % 10 ** min(len(str(int(value))), 9)
        if name.lower() in PATHS:
            return self.path(value)
        if name.lower() in ("$ref", "location") and _ID.fullmatch(value.rpartition("/")[2]):
            return value
        return _TOLD.sub(HIDDEN, value) if name == "detail" else self.text(value)

    def path(self, text: str) -> str:
        """Return a path or a filter with the values in it masked, but for those of `type` and the like."""
        return _QUOTED.sub(self._compared, text) if '"' in text or "'" in text else text

    def _compared(self, found: re.Match[str]) -> str:
        name, operator, literal = found.groups()
        if name.rpartition(".")[2].lower() in KEPT:
            return found[0]
        return f"{name}{operator}{literal[0]}{self.text(literal[1:-1])}{literal[0]}"

    def target(self, path: str, query: str) -> str:
        """Return the path and query of a request: ids and names of parameters stay."""
        segments = [each if _is_plain(each) else quote(self.text(unquote(each))) for each in path.split("/")]
        pairs = parse_qsl(query, keep_blank_values=True)
        asked = [
            (name, self.value(text, name) if name.lower() in KEPT | PATHS else self.text(text)) for name, text in pairs
        ]
        return "/".join(segments) + (f"?{urlencode(asked, quote_via=quote)}" if asked else "")

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers: the values of those that are known, the names of the others."""
        return {name: text if name.lower() in HEADERS else HIDDEN for name, text in sendable(headers).items()}


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers without those that may let somebody in."""
    return {name: text for name, text in headers.items() if not SECRET.search(name)}


def _is_plain(segment: str) -> bool:
    """Whether a segment of a path is an id, or a word of a route, a schema's URN among them."""
    return bool(_ID.fullmatch(segment)) or segment.lower() in _WORDS or segment.lower().startswith("urn:ietf:")


_WORDS = frozenset(
    (
        *("", "users", "groups", ".search", "bulk", "schemas", "resourcetypes", "serviceproviderconfig", "me", "user"),
        *("group", "access", "events"),
    )
)
