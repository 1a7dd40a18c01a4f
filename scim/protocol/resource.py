"""A resource as a tree of attributes in canonical spelling: read values, compare, choose what is returned."""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from scim.protocol.schema import ResourceType, Target

Resource = dict[str, Any]
"""Attributes by canonical name; those of an extension in an object under its URN."""

_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:(?<=:\d\d:\d\d)\.(\d{1,6})\d{0,14})?(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
DATE_TIME = "a date and time such as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00"
"""How errors show the form of a dateTime."""

_DOUBTFUL = re.compile("[\x7f-\x9f\ufffe\uffff]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)


def to_json(value: Any) -> str:
    """Return the JSON text of a value without spaces, with every character as it is."""
    return _ENCODER.encode(value)  # json.dumps would make an encoder for each call


def to_stored_json(value: Any) -> str:
    """Return the JSON text of a value as it is stored: as `to_json`, with some characters written as \\uXXXX.

    U+FFFE and U+FFFF are no characters, and U+007F to U+009F are control characters that JSON leaves as they are.
    Whether Table Storage takes them in a text is unknown: it names the property types only, and its older protocol
    was XML, which has none of the former.
    https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
    """
    text = to_json(value)
    if text.isascii() and "\x7f" not in text:  # nearly always; and a tenth of the time of looking for each of them
        return text
    # In JSON they can only stand within a string.
    return _DOUBTFUL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) if _DOUBTFUL.search(text) else text


def values(resource: Mapping[str, Any], target: Target) -> list[Any]:
    """Return every value of an attribute or sub-attribute, in order; an absent one has none."""
    container = resource.get(target.extension) if target.extension else resource
    if target.attribute is None or container is None:
        return [] if container is None else [container]
    found = _listed(container.get(target.attribute.name))
    if target.sub is None:
        return found
    name = target.sub.name
    return [value for each in found for value in _listed(each.get(name))]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


MAX_MARKS = 30
"""Combining marks in a row, as in Unicode's Stream-Safe Text Format, which no language needs more of. UAX #15 §13."""
_BRIEF = 256
"""Up to so many characters a text is normalised in less than a millisecond, whatever it has."""


def fold(text: str) -> str:
    """Return the form in which texts are compared where letter case does not matter: NFKC, casefold, NFKC.

    Keys of rows are made from it, so it is version 1 for ever; another one needs another kind of key. The time it
    takes grows with the length of the text, at most 1.5 microseconds for a character (28 Nov 2026).
    """
    if text.isascii():
        return text.lower()
    if len(text) > _BRIEF:
        text = _stream_safe(text)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _stream_safe(text: str) -> str:
    """Return the text with a joiner wherever more than MAX_MARKS combining marks would follow each other.

    Normalisation sorts each run of marks, which takes time with the square of its length. UAX #15 §13.
    """
    safe, marks = [], 0
    for each in text:
        marks = marks + 1 if unicodedata.combining(each) else 0
        if marks > MAX_MARKS:
            safe.append("\u034f")
            marks = 1
        safe.append(each)
    return "".join(safe)


def parse_date_time(text: str) -> datetime | None:
    """Return the instant in UTC that an xsd:dateTime names, or None when it is none; no time zone means UTC.

    Fractions beyond microseconds are cut off: pollers of the .NET world send seven digits. A blank for the T, and an
    offset without colon, are understood: Java and SQL write them so.
    """
    written = _DATE_TIME.fullmatch(text)
    return _instant(*written.groups()) if written else None


@lru_cache(maxsize=4096)
def _instant(date: str, time: str, fraction: str | None, zone: str | None) -> datetime | None:
    exact = f"{date}T{time}.{fraction.ljust(6, '0')}" if fraction else f"{date}T{time}"
    try:
        return datetime.fromisoformat(exact + (zone or "Z").upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: before the year 1 in UTC
        return None


def proper_date_time(text: str) -> str:
    """Return a date and time as xsd:dateTime writes it, with T and colon; as it is where it is proper, or is none."""
    written = _DATE_TIME.fullmatch(text)
    zone = (written[4] or "") if written else ""
    if 1 < len(zone) < 6:
        text = f"{text.removesuffix(zone)}{zone[:3]}:{zone[3:] or '00'}"
    return text.replace(" ", "T") if written else text


def format_date_time(instant: datetime) -> str:
    """Return an instant as an xsd:dateTime in UTC with milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def schemas_of(resource_type: ResourceType, resource: Mapping[str, Any]) -> list[str]:
    """Return the URNs for `schemas`: the core one, then each extension that has a value. RFC 7643 §3."""
    used = [schema.id for schema in resource_type.extensions if resource.get(schema.id)]
    return [resource_type.schema.id, *used]
