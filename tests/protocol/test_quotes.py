"""Values in other quotes than JSON's: read where it is plain what is meant, else refused."""

import pytest

from scim.protocol.errors import InvalidFilter, InvalidPath
from scim.protocol.filter import AttributePath, Comparison, parse_filter, parse_path
from tests.samples import BARE, MIRA, op, patched, patched_group


def eq(text: str) -> Comparison:
    return Comparison(AttributePath("", "a"), "eq", text, text)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("'x'", "x"),
        ("''", ""),
        ("'two words) or ] and'", "two words) or ] and"),
        ("'say \"x\"'", 'say "x"'),
        (r"'O\'Vik'", "O'Vik"),
        (r"'\"\\\u00e5\n'", '"\\å\n'),
        ("\"'x'\"", "'x'"),
    ],
)
def test_a_string_in_single_quotes_is_a_string(written: str, text: str) -> None:
    """Several servers and Terraform's provider for Databricks write them so; taken with its quotes it finds nobody."""
    assert parse_filter(f"a eq {written}") == eq(text)
    assert parse_path(f"b[a eq {written}].c").filter == eq(text)


@pytest.mark.parametrize(
    "value",
    [
        "x'y",
        "'x",
        "x'",
        "'",
        r"x\'",
        r"'\'",
        r"'\x'",
        "'it's'",
        "“x”",
        "„x“",
        "‘x’",
        "«x»",
        "‹x›",
        "＂x＂",
        "`x`",
        "´x´",
        "″x″",
        "&quot;x&quot;",
        "%22x%22",
        "a%20b",
    ],
)
def test_what_only_looks_like_a_string_is_refused(value: str) -> None:
    """`ne` and `not` of it would find everybody, and a removal of it would remove nobody and say that all is well."""
    for text in (f"a eq {value}", f"not (a eq {value})", f"b[a ne {value}]"):
        with pytest.raises(InvalidFilter):
            parse_filter(text)
    with pytest.raises(InvalidPath):
        parse_path(f"b[a eq {value}]")


@pytest.mark.parametrize("word", ["mira+x@contoso.example", "7d42a1-b", "a/b:c,d;e", "zoë", "a_b#c!*=?~$"])
def test_a_value_without_quotes_and_without_a_sign_of_some_is_a_string(word: str) -> None:
    """Microsoft's page shows them so, and authentik sends them."""
    assert parse_filter(f"a eq {word}") == eq(word)


def test_the_refusal_says_how_a_value_is_written() -> None:
    """Whoever pasted typographic quotes from a page sees no difference."""
    with pytest.raises(InvalidFilter, match='in double quotes, as in "x"'):
        parse_filter("userName eq ‘mira’")


def test_the_address_that_single_quotes_select_is_changed() -> None:
    """A second address of the type `'work'` would be stored beside it."""
    after = patched(MIRA, op("replace", "emails[type eq 'work'].value", "new@contoso.example"))
    assert [(each["type"], each["value"]) for each in after["emails"]] == [
        ("work", "new@contoso.example"),
        ("home", "mira@home.example"),
    ]
    assert patched(BARE, op("add", "emails[type eq 'work'].value", "x"))["emails"] == [{"type": "work", "value": "x"}]


def test_the_member_that_single_quotes_select_is_removed() -> None:
    """A success with the member still inside lets somebody keep what was taken away."""
    assert patched_group(op("remove", "members[value eq 'u1' or value eq 'u2']")).members.removed == ["u1", "u2"]
