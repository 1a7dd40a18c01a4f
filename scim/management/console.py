"""Serves the page `/console` and its files: the same for everybody, since it is empty until a credential is entered."""

import gzip
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scim.access.address import Permitted
from scim.protocol.errors import NotFound
from scim.service.answers import answered
from scim.service.messages import Request, Response

FOLDER = Path(__file__).parent.parent / "console"
"""Where the files of the page lie."""
INDEX = "index.html"
PLACEHOLDER = b"console/files/"
"""How the page names its folder; it is served with the hash of all files in place of `files`."""
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain",
}
"""The files that are served, by how their names end."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PROTECTION = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What each answer says to the browser: nothing from elsewhere, nothing inside another page, no address passed on."""
IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the page as it is served; `packed` is its gzip, empty where there is none."""

    content: bytes
    packed: bytes
    media_type: str
    tag: str
    cache: str


class Console:
    """Answers GET and HEAD for `/console` and what is below it.

    The page itself is asked for anew each time and answered 304 while it has not changed; its files lie below the hash
    of all of them, so that each may be kept for ever. A hash that is not the current one is 404. Files that have a
    `.gz` beside them, which tools/package.py makes, are sent so to a browser that takes gzip: the host compresses
    nothing.
    """

    def __init__(self, permitted: Permitted, folder: Path = FOLDER, *, offered: bool = True) -> None:
        """Where it is not `offered`, everything is 404."""
        self._permitted, self._folder, self._offered = permitted, folder, offered

    async def respond(self, request: Request, path: str = "") -> Response:
        """Answer a request for the page, or for the file at a path such as `HASH/main.js`."""

        async def operation() -> Response:
            self._permitted.check(request.address)
            if not self._offered:
                raise NotFound("There is no console here: SCIM_CONSOLE is off.")
            if not path:
                return self._page(request)
            found = self._files.get(path)
            if found is None:
                raise NotFound("The console has no such file; a newer version may be in use: load /console again.")
            return _sent(request, found)

        return await answered(request, "Console", {}, operation)

    def _page(self, request: Request) -> Response:
        if request.path.endswith("/"):  # the page names its files relative to /console, also below a proxy's path
            return Response(308, None, {**PROTECTION, "Location": "../console"}, TYPES[".html"])
        return _sent(request, self._index)

    @cached_property
    def _read(self) -> dict[str, bytes]:
        """All files, by their path in the folder."""
        found = {each.relative_to(self._folder).as_posix(): each for each in sorted(self._folder.rglob("*"))}
        return {name: each.read_bytes() for name, each in found.items() if each.suffix in (*TYPES, ".gz")}

    @cached_property
    def _hash(self) -> str:
        digest = hashlib.sha256()
        for name, content in self._read.items():
            if not name.endswith(".gz"):
                digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:16]

    @property
    def _tag(self) -> str:
        return f'W/"{self._hash}"'  # weak: it is that of the compressed form too. RFC 9110 §8.8.3.3

    @cached_property
    def _index(self) -> _File:
        content = self._read[INDEX].replace(PLACEHOLDER, f"console/{self._hash}/".encode())
        return _File(content, gzip.compress(content, mtime=0), TYPES[".html"], self._tag, "no-cache")

    @cached_property
    def _files(self) -> dict[str, _File]:
        return dict(self._listed())

    def _listed(self) -> Iterator[tuple[str, _File]]:
        for name, content in self._read.items():
            suffix = Path(name).suffix
            if suffix in TYPES and name != INDEX:
                packed = self._read.get(f"{name}.gz", b"")
                yield f"{self._hash}/{name}", _File(content, packed, TYPES[suffix], self._tag, IMMUTABLE)


def _sent(request: Request, file: _File) -> Response:
    headers = {**PROTECTION, "Cache-Control": file.cache, "ETag": file.tag, "Vary": "Accept-Encoding"}
    if request.knows(file.tag):
        return Response(304, None, headers, file.media_type)
    if file.packed and _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(200, None, headers | {"Content-Encoding": "gzip"}, file.media_type, written=file.packed)
    return Response(200, None, headers, file.media_type, written=file.content)


def _takes_gzip(accepted: str) -> bool:
    """Whether the header Accept-Encoding names gzip, and not with a weight of 0. RFC 9110 §12.5.3."""
    weights = {
        name.strip().lower(): weight for name, _, weight in (each.partition(";") for each in accepted.split(","))
    }
    return "gzip" in weights and not _ZERO.fullmatch(weights["gzip"])


_ZERO = re.compile(r"\s*[qQ]\s*=\s*0(\.0*)?\s*")
