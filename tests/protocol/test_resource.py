"""Resources as trees: their values, and how texts and dates compare."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from scim.protocol.filter import parse_attribute
from scim.protocol.resource import fold, format_date_time, parse_date_time, schemas_of, values
from tests.samples import CONTOSO, CORE, ENTERPRISE, MIRA, USER


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("userName", ["mira@contoso.example"]),
        ("title", []),
        ("name.givenName", ["Mira"]),
        ("name.middleName", []),
        ("photos.value", []),
        ("emails.value", ["mira@contoso.example", "mira@home.example"]),
        ("emails.primary", [True]),
        ("department", ["Sea"]),
        ("manager.value", ["26118915"]),
        (f"{CONTOSO}:languages", []),
    ],
)
def test_an_attribute_has_every_value_it_holds(path: str, found: list[Any]) -> None:
    """Of a multi-valued attribute all, of an absent one none."""
    target = USER.resolve(parse_attribute(path))
    assert target
    assert values(MIRA, target) == found


def test_an_extension_is_a_value_itself() -> None:
    """So that `pr` on its URN tells whether it is used."""
    target = USER.resolve(parse_attribute(ENTERPRISE))
    assert target
    assert values(MIRA, target) == [MIRA[ENTERPRISE]]
    assert values({"userName": "x"}, target) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MIRA@Contoso.example", "mira@contoso.EXAMPLE"),
        ("Straße", "STRASSE"),
        ("É", "e\u0301"),
        ("ﬁord", "FIORD"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("Ａ", "a"),
    ],
)
def test_texts_that_differ_in_letter_case_only_fold_to_one(one: str, other: str) -> None:
    """NFKC and full case folding; folding again changes nothing."""
    assert fold(one) == fold(other) == fold(fold(one))


def test_different_texts_stay_different() -> None:
    """An accent is not letter case."""
    assert len({fold(text) for text in ("a", "á", "b", "a ", "")}) == 5


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31t12:00:00z", NOON),
        ("2026-01-31T12:00:00", NOON),
        ("2026-01-31T12:00", NOON),
        ("2026-01-31T14:00:00+02:00", NOON),
        ("2026-01-31T06:30:00-05:30", NOON),
        ("2026-01-31T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2026-01-31T12:00:00.1234567Z", NOON + timedelta(microseconds=123456)),
        ("2026-01-31T12:00:00.000000000000001Z", NOON),
        ("2026-01-31T12:00:00.000+0000", NOON),
        ("2026-01-31T06:30:00-0530", NOON),
        ("2026-01-31 14:00:00+02", NOON),
        ("2026-01-31 12:00", NOON),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_date_and_time_is_an_instant(text: str, instant: datetime) -> None:
    """xsd:dateTime with and without zone, up to the seven and more digits of other platforms."""
    assert parse_date_time(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-31",
        "2026-01-31  12:00:00Z",
        "2026-01-31 12:00:00 Z",
        "2026-01-31T12:00:00 01:00",
        "2026-01-31T12:00:00+1",
        "2026-01-31T12:00:00+010",
        "2026-01-31T12:00:00+01:0",
        "2026-02-30T12:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T12:00:00+99:00",
        "2026-W05-6T12:00:00Z",
        "20260131T120000Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00.5Z",
        "٢٠٢٦-01-31T12:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-01-31T12:00:00Z" + "0" * 100_000,
        "2026-01-31T12:00:00." + "0" * 100_000,
    ],
)
def test_what_is_no_date_and_time_is_none(text: str) -> None:
    """Other forms of ISO 8601, and instants that no calendar has, are not taken."""
    assert parse_date_time(text) is None


def test_an_instant_is_written_in_utc_with_milliseconds() -> None:
    """The form of meta.created and meta.lastModified."""
    assert format_date_time(NOON) == "2026-01-31T12:00:00.000Z"
    assert format_date_time(datetime(2026, 1, 31, 13, 0, 0, 1999, timezone(timedelta(hours=1)))) == (
        "2026-01-31T12:00:00.001Z"
    )


def test_schemas_are_the_core_one_and_those_of_the_extensions_in_use() -> None:
    """RFC 7643 §3: the list says which namespaces the resource has."""
    assert schemas_of(USER, MIRA) == [CORE, ENTERPRISE]
    assert schemas_of(USER, {"userName": "x", CONTOSO: {}}) == [CORE]
