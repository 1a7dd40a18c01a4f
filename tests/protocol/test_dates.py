"""Dates and times in the forms of Java and SQL: read, and kept in the form that /Schemas promises."""

import pytest

from scim.protocol.errors import InvalidFilter, InvalidValue
from scim.protocol.filter import parse_filter
from scim.protocol.query import matcher
from scim.protocol.resource import proper_date_time
from scim.protocol.validation import read_resource
from tests.samples import CONTOSO, USER, op, patched


@pytest.mark.parametrize(
    ("written", "proper"),
    [
        ("2026-01-31T12:00:00.000+0000", "2026-01-31T12:00:00.000+00:00"),
        ("2026-01-31 12:00:00", "2026-01-31T12:00:00"),
        ("2026-01-31 14:00:00+02", "2026-01-31T14:00:00+02:00"),
        ("2026-01-31 06:30-0530", "2026-01-31T06:30-05:30"),
    ],
)
def test_a_date_is_kept_with_t_and_colon(written: str, proper: str) -> None:
    """A client that reads strictly could not read the page on which another form stands."""
    hired = {"clearance": "office", "hiredAt": written}
    posted = read_resource(USER, {"userName": "a", CONTOSO: hired})
    changed = patched({"userName": "a"}, op("add", CONTOSO, hired))
    assert posted[CONTOSO]["hiredAt"] == changed[CONTOSO]["hiredAt"] == proper
    assert matcher(parse_filter(f'{CONTOSO}:hiredAt eq "{written}"'), USER)(posted)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.1234567z", "tomorrow at 9", "a +01", ""])
def test_what_is_proper_or_no_date_stays_as_it_is(text: str) -> None:
    """Values come back as they came."""
    assert proper_date_time(text) == text


def test_the_refusal_of_a_date_shows_the_form() -> None:
    """In a filter the offset's + is often lost on the way, which the text in the error then shows."""
    with pytest.raises(InvalidValue, match=r"2026-01-31T12:00:00Z or 2026-01-31T13:00:00\+01:00"):
        read_resource(USER, {"userName": "a", CONTOSO: {"clearance": "office", "hiredAt": "31.01.2026"}})
    with pytest.raises(InvalidFilter) as refusal:
        matcher(parse_filter('meta.lastModified gt "2026-01-31T13:00:00 01:00"'), USER)
    assert "2026-01-31T13:00:00+01:00, not with '2026-01-31T13:00:00 01:00'" in refusal.value.detail
    assert "%2B" in refusal.value.detail
