"""Twins: resources that are two here and that a person, or Entra, takes for one."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scim.directory.stored import Kind
from scim.protocol.resource import values
from scim.protocol.schema import Target

BITS = 2**28
"""Bits that remember what was seen, in 32 MiB: of two million values, less than one is likely suspected wrongly."""
FEW = 50_000
"""Values that are remembered as they are, in some MiB; the bits take 32 from the first one on."""
MOST = 100_000
"""Most values that are looked at again."""
SHOWN = 5
"""Ids that a remark names."""


@dataclass
class _Suspect:
    """A value that two resources may share: what is to be said of it, and who has it."""

    text: str = ""
    ids: list[str] = field(default_factory=list)
    forms: set[str] = field(default_factory=set)
    count: int = 0


class Twins:
    """Names that differ in blanks only, and values of externalId that several have.

    `see` every resource once, then `look_again` at every one if there are any that are `suspected`: what is held does
    not grow with the tenant.
    """

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._seen: bytearray | None = None
        self._suspects: dict[bytes, _Suspect] = {}

    @property
    def suspected(self) -> bool:
        """Whether it is worth looking again."""
        return bool(self._suspects)

    def see(self, kind: Kind, document: Mapping[str, Any]) -> None:
        """Remember what a resource is called."""
        for _, digest, _ in _shared(kind, document, ""):
            if not self._is_new(digest) and len(self._suspects) < MOST:
                self._suspects.setdefault(digest, _Suspect())

    def _is_new(self, digest: bytes) -> bool:
        """Whether a value was never seen. Of very many a few are wrongly taken for seen."""
        if self._seen is not None:
            return _set(self._seen, digest)
        if digest in self._known:
            return False
        self._known.add(digest)
        if len(self._known) > FEW:
            self._seen = bytearray(BITS // 8)
            for each in self._known:
                _set(self._seen, each)
            self._known.clear()
        return True

    def look_again(self, kind: Kind, resource_id: str, document: Mapping[str, Any]) -> None:
        """Note who has what is suspected."""
        for text, digest, form in _shared(kind, document, resource_id):
            if suspect := self._suspects.get(digest):
                suspect.text = text
                suspect.count += 1
                suspect.ids += [resource_id] if len(suspect.ids) < SHOWN else []
                suspect.forms |= {form} if len(suspect.forms) < SHOWN else set()

    def remarks(self) -> Iterator[str]:
        """Yield a line for each value that several have, which names them by their ids."""
        for each in self._suspects.values():
            if len(each.forms) > 1:  # the very same name twice is a fault, which is found elsewhere
                more = f" and {each.count - SHOWN:,} more" if each.count > SHOWN else ""
                yield f"{each.text}: {', '.join(each.ids)}{more}"


def _set(seen: bytearray, digest: bytes) -> bool:
    """Set the bits of a value, and return whether one of them was not set."""
    new = False
    for start in range(0, len(digest), 4):
        place, bit = divmod(int.from_bytes(digest[start : start + 4]) % BITS, 8)
        new = new or not seen[place] & 1 << bit
        seen[place] |= 1 << bit
    return new


def _shared(kind: Kind, document: Mapping[str, Any], resource_id: str) -> Iterator[tuple[str, bytes, str]]:
    """Yield what two may share, externalId and names without their blanks: what to say of it, its hash, its form."""
    name, external_id = kind.type.name, Target("", kind.type.core["externalid"])
    for value in values(document, external_id):
        yield f"{name}s with one externalId, which Entra takes for one", _digest(kind, "externalId", value), resource_id
    for path, target in kind.unique.items():
        for value in values(document, target):
            if isinstance(value, str):
                bare = kind.key_value(target, " ".join(value.split()))
                form = kind.key_value(target, value)
                yield f"{name}s whose {path} differs in blanks only", _digest(kind, path, bare), form


def _digest(kind: Kind, path: str, value: str) -> bytes:
    return hashlib.blake2b(f"{kind.letter} {path} {value}".encode(errors="surrogatepass"), digest_size=16).digest()
