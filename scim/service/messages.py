"""Requests and responses without a web framework, and the JSON in their bodies."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

from scim.access.credential import Scope
from scim.access.tenants import TenantRecord
from scim.directory.entry import Entry
from scim.protocol import entity_tag
from scim.protocol.errors import InvalidSyntax, InvalidValue, ScimError, UnsupportedMediaType
from scim.protocol.resource import to_json
from scim.protocol.sizes import Size
from scim.service.failures import Failures

MEDIA_TYPE = "application/scim+json"
JSON = "application/json"
PROTECTION = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
"""Of every answer: a browser takes it for nothing else than it is, and passes its address on to nobody."""
NO_STORE = {"Cache-Control": "no-store"}
"""Of answers that nobody may keep."""
MAX_DEPTH = 24
"""Objects and lists within each other; a User needs four, a Bulk request of PATCHes eight."""


@dataclass(slots=True)
class Request:
    """An HTTP request as the host passes it on: its absolute URL as sent, and header names in lower case.

    `address` is the client's, "" where it is not known, and `failures` what keeps those that fail from filling the log.
    The last eight are the service's own notes: for which tenant it is, the Tenant URL, who sends it, whose share of the
    instance it takes (of an access token its client's), what for, and
    whether that one is to be judged strictly; the tenant's record where there is such a tenant; and what the journal
    shall say of the request, and of the operations in it.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    request_id: str = ""
    address: str = ""
    failures: Failures | None = None
    tenant: str = "-"
    base_url: str = ""
    credential: str = ""
    share: str = ""
    scope: Scope = "provision"
    strict: bool = False
    known: TenantRecord | None = None
    entries: list[Entry] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path of the URL, still percent-encoded."""
        return "/" + self._address.partition("/")[2]

    @property
    def origin(self) -> str:
        """Scheme and host, as the client wrote them."""
        scheme = self.url.partition("://")[0]
        return f"{scheme}://{self._address.partition('/')[0]}"

    @property
    def _address(self) -> str:
        """Host and path. Not by urlsplit, which falls over a Host header such as `[`."""
        return self.url.partition("#")[0].partition("?")[0].partition("://")[2]

    def query(self) -> list[tuple[str, str]]:
        """Return the names and values of the query parameters in their order, also of those that are empty.

        Read from the URL, since the host joins repeated parameters and drops empty ones, and a walk by cursor
        begins with an empty one. Raises InvalidValue when a parameter is not UTF-8.
        """
        query = self.url.partition("?")[2].partition("#")[0]
        if not query:
            return []
        try:
            return parse_qsl(query, keep_blank_values=True, errors="strict")
        except ValueError:
            raise InvalidValue("A query parameter is not percent-encoded UTF-8.") from None

    def knows(self, tag: str) -> bool:
        """Whether the client has what the entity tag names, by If-None-Match. RFC 9110 §13.1.2."""
        return entity_tag.has(self.headers.get("if-none-match", ""), tag)

    def json(self, size: Size) -> Any:
        """Return the body's JSON.

        Raises UnsupportedMediaType where it is compressed, PayloadTooLarge before it is read when it is larger,
        InvalidSyntax.
        """
        if (coding := self.headers.get("content-encoding", "").strip().lower()) not in ("", "identity"):
            raise UnsupportedMediaType(f"The body is sent with Content-Encoding '{coding[:60]}'; send it as it is.")
        size.check(self.body, "The body")
        if not self.body and "chunked" in self.headers.get("transfer-encoding", "").lower():
            raise InvalidSyntax(
                "The body arrived empty: the Functions host does not pass on one with 'Transfer-Encoding: chunked'."
                " Send it with Content-Length."
            )
        if not self.body:
            raise InvalidSyntax("The body is empty; send a JSON object.")
        return parse_json(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: status, headers and a body that becomes JSON; None is no body.

    `written` is the JSON of the body where it was made already, `size` the characters of the rows that it was made of.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = MEDIA_TYPE
    failure: ScimError | None = None
    written: bytes = b""
    size: int = 0

    @property
    def outcome(self) -> str:
        """What the log tells of it: the status, and of a failure its scimType and the attribute at fault."""
        words = [str(self.status)]
        if self.failure and self.failure.scim_type:
            words.append(f"scimType={self.failure.scim_type}")
        if self.failure and self.failure.attribute:
            words.append(f"attribute={self.failure.attribute}")
        return " ".join(words)

    @property
    def resource_id(self) -> str:
        """The id of the resource that it is about, or nothing: a new one's is known from its address only."""
        return self.headers.get("Location", "").rpartition("/")[2]

    def sendable_headers(self) -> dict[str, str]:
        """Return the headers, PROTECTION among them, as the host can send them, whatever is in one.

        It answers an empty 500 to a value with a line break, or one that is not ASCII, and its log calls that a
        success (seen under host 4.1037): such characters are percent-encoded.
        """
        headers = PROTECTION | dict(self.headers)
        return {name: value if _is_sendable(value) else _encoded(value) for name, value in headers.items()}

    def content(self) -> bytes:
        """Return the body as UTF-8."""
        if self.written or self.body is None:
            return self.written
        # Half a surrogate pair in an error's detail must not turn a 400 into a 500.
        return to_json(self.body).encode(errors="replace")


def in_pieces(body: Any) -> bytes:
    """Return the JSON of a large body, made in pieces: nothing else runs while one of them is made."""
    return "".join(_pieces(body)).encode(errors="replace")


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and _weight(value) > _PIECE:
        for number, (name, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{to_json(name)}:"
            yield from _pieces(item)
        yield "}"
    elif _are_resources(value):
        for number, each in enumerate(value):
            yield "," if number else "["
            yield from _pieces(each)
        yield "]"
    elif isinstance(value, list) and value:
        for start in range(0, len(value), _PIECE):
            yield ("," if start else "[") + to_json(value[start : start + _PIECE])[1:-1]
        yield "]"
    else:
        yield to_json(value)


def _are_resources(value: Any) -> bool:
    """Whether this is a list of resources, or of events that have one each: any of them may be large."""
    objects = isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    return objects and ("schemas" in value[0] or "resource" in value[0])


def _weight(value: Any) -> int:
    """Return how many values the lists in a value have; one of resources counts for more than a piece."""
    if isinstance(value, dict):
        return sum(map(_weight, value.values()))
    return _PIECE + 1 if _are_resources(value) else len(value) if isinstance(value, list) else 0


_PIECE = 500
"""Values of a list that are written at once, about a millisecond."""


def _is_sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _encoded(value: str) -> str:
    return "".join(each if _is_sendable(each) else quote(each, errors="replace") for each in value)


def error_response(error: ScimError) -> Response:
    """Return the response that tells a client of an error. RFC 7644 §3.12."""
    return Response(error.status, error.body(), error.headers, failure=error)


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text in UTF-8 that every reader understands in the same way.

    Raises InvalidSyntax on anything else: duplicate names, NaN, numbers too long to read, half surrogate pairs,
    nesting beyond MAX_DEPTH. RFC 8259 §4, §8.
    """
    try:
        text = body.decode("utf-8-sig")
        value = _DECODER.decode(text)
        if _SURROGATE.search(text):
            to_json(value).encode()
    except UnicodeDecodeError:
        raise InvalidSyntax("The body is not UTF-8.") from None
    except UnicodeEncodeError:
        raise InvalidSyntax("The body has half of a surrogate pair, which is no character.") from None
    except RecursionError:
        raise InvalidSyntax(_TOO_DEEP) from None
    except ValueError as error:
        # Python counts the digits of a number before it reads it, and tells its own programmers what to do.
        what = "a number has too many digits" if "integer string conversion" in str(error) else error
        raise InvalidSyntax(f"The body is not JSON: {what}.") from None
    _check_depth(value)
    return value


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TOO_DEEP = f"The body nests objects and lists more than {MAX_DEPTH} levels deep."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the name '{twice[:60]}' is given twice in one object")
    return made


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
"""Made once: json.loads would make one for each call."""


def _check_depth(value: Any) -> None:
    """Bound the depth here, so that no later walk over the value can exhaust the stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for each in level
            if isinstance(each, (dict, list))
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    if any(isinstance(each, (dict, list)) for each in level):
        raise InvalidSyntax(_TOO_DEEP)
