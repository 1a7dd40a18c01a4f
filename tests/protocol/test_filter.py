"""Filters and paths: what the grammar of RFC 7644 takes, what Entra sends besides, and where the limits are."""

import pytest

from scim.protocol.errors import InvalidFilter, InvalidPath, ScimError
from scim.protocol.filter import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    And,
    AttributePath,
    Comparison,
    Filter,
    Not,
    Or,
    Path,
    ValuePath,
    comparisons,
    parse_attribute,
    parse_filter,
    parse_path,
)

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def name(text: str, urn: str = "") -> AttributePath:
    first, _, sub = text.partition(".")
    return AttributePath(urn, first, sub)


def eq(attribute: str, text: str) -> Comparison:
    return Comparison(name(attribute), "eq", text, text)


A, B, C = eq("a", "1x"), eq("b", "2x"), eq("c", "3x")


@pytest.mark.parametrize("operator", ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"])
def test_every_operator_compares_an_attribute_with_a_value(operator: str) -> None:
    """RFC 7644 table 3, whatever the case of the operator."""
    expected = Comparison(name("userName"), operator, "x", "x")
    assert parse_filter(f'userName {operator} "x"') == expected
    assert parse_filter(f'userName {operator.upper()} "x"') == expected


def test_pr_takes_no_value() -> None:
    """`pr` asks only whether there is a value."""
    assert parse_filter("title pr") == Comparison(name("title"), "pr")
    assert parse_filter("title PR and a eq 1x") == And((Comparison(name("title"), "pr"), A))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("5", 5),
        ("-12", -12),
        ("1.5", 1.5),
        ("2e3", 2000.0),
        ('"5"', "5"),
        ('"true"', "true"),
        ('""', ""),
        ('"a\\"b"', 'a"b'),
        ('"a\\\\b"', "a\\b"),
        ('"\\u00e5\\/"', "å/"),
        ('"and or ( ) [ ] not"', "and or ( ) [ ] not"),
        ('"line\nbreak"', "line\nbreak"),
        ("jyoung", "jyoung"),
        ("7d42a1-b", "7d42a1-b"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("mira@x.example", "mira@x.example"),
        ("007", "007"),
    ],
)
def test_values_are_those_of_json_and_bare_words_are_strings(text: str, value: object) -> None:
    """RFC 7644 §3.4.2.2 takes JSON values; Microsoft's page also shows values without quotes."""
    parsed = parse_filter(f"a eq {text}")
    assert isinstance(parsed, Comparison)
    assert (parsed.value, type(parsed.value)) == (value, type(value))


def test_the_text_of_a_value_stays_as_it_is_written() -> None:
    """A number may be meant for a string attribute, so `1.50` is not lost."""
    parsed = parse_filter("a eq 1.50")
    assert isinstance(parsed, Comparison)
    assert (parsed.value, parsed.text) == (1.5, "1.50")


def test_a_number_too_long_for_python_is_a_string() -> None:
    """Python refuses to read an integer of more than 4300 digits; the filter must not fail over it."""
    digits = "9" * 5000
    assert parse_filter(f"a eq {digits}") == eq("a", digits)
    assert parse_filter("a eq 1٣") == eq("a", "1٣")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a eq 1x or b eq 2x and c eq 3x", Or((A, And((B, C))))),
        ("a eq 1x and b eq 2x or c eq 3x", Or((And((A, B)), C))),
        ("(a eq 1x or b eq 2x) and c eq 3x", And((Or((A, B)), C))),
        ("a eq 1x AND b eq 2x And c eq 3x", And((A, B, C))),
        ("not (a eq 1x) and b eq 2x", And((Not(A), B))),
        ("NOT(a eq 1x or b eq 2x)", Not(Or((A, B)))),
        ("not (not (a eq 1x))", Not(Not(A))),
        ("((a eq 1x))", A),
    ],
)
def test_not_binds_tighter_than_and_and_and_tighter_than_or(text: str, tree: Filter) -> None:
    """The precedence of RFC 7644 §3.4.2.2, with grouping."""
    assert parse_filter(text) == tree


def test_a_value_path_holds_an_inner_filter() -> None:
    """One and the same value must fulfil what stands in brackets."""
    tree = parse_filter('emails[type eq "work" and not (value co "@x")] or a eq 1x')
    inner = And((eq("type", "work"), Not(Comparison(name("value"), "co", "@x", "@x"))))
    assert tree == Or((ValuePath(name("emails"), inner), A))


def test_a_sub_attribute_behind_a_value_path_is_compared_within_the_selected_value() -> None:
    """Entra matches with `emails[type eq "work"].value eq "x"`, which the RFC's grammar does not have."""
    expected = ValuePath(name("emails"), And((eq("type", "work"), eq("value", "x"))))
    assert parse_filter('emails[type eq "work"].value eq "x"') == expected


@pytest.mark.parametrize("operator", ["eq", "NE", "co", "sw", "ge"])
def test_a_comparison_behind_a_value_path_is_with_the_value(operator: str) -> None:
    """An old page of Microsoft's prints the matching filter so, and administrators copied it."""
    compared = Comparison(name("value"), operator.lower(), "x", "x")
    expected = ValuePath(name("emails"), And((eq("type", "work"), compared)))
    assert parse_filter(f'emails[type eq "work"] {operator} "x"') == expected


def test_a_value_path_that_is_present_is_the_value_path() -> None:
    """Also of an attribute without `value`, such as addresses."""
    assert parse_filter('addresses[type eq "work"] pr and a eq 1x') == And(
        (ValuePath(name("addresses"), eq("type", "work")), A)
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("name.givenName", AttributePath("", "name", "givenName")),
        ("manager.$ref", AttributePath("", "manager", "$ref")),
        (f"{ENTERPRISE}:department", AttributePath(ENTERPRISE, "department")),
        (f"{ENTERPRISE}:manager.value", AttributePath(ENTERPRISE, "manager", "value")),
        (f"{ENTERPRISE}.manager", AttributePath(ENTERPRISE[: -len(":User")], "User", "manager")),
        (ENTERPRISE, AttributePath(ENTERPRISE[: -len(":User")], "User")),
        ("URN:x:y:z", AttributePath("URN:x:y", "z")),
    ],
)
def test_an_attribute_may_be_qualified_by_the_urn_of_its_schema(text: str, path: AttributePath) -> None:
    """RFC 7644 §3.10, and the dot of Entra's older jobs."""
    assert parse_attribute(text) == path
    assert parse_filter(f"{text} pr") == Comparison(path, "pr")
    assert str(path) == text


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("members", Path(name("members"))),
        ("name.familyName", Path(name("name.familyName"))),
        ('emails[type eq "work"]', Path(name("emails"), eq("type", "work"))),
        ('emails[type eq "work"].value', Path(name("emails.value"), eq("type", "work"))),
        (' emails [ type  EQ "work" ].value ', Path(name("emails.value"), eq("type", "work"))),
        (f"{ENTERPRISE}:manager", Path(name("manager", ENTERPRISE))),
    ],
)
def test_a_path_names_an_attribute_perhaps_filtered(text: str, path: Path) -> None:
    """RFC 7644 §3.5.2, figure 7."""
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "userName",
        "userName eq",
        'userName is "x"',
        'eq "x"',
        'userName eq "x',
        'userName eq "\\x"',
        'userName eq "x" and',
        'userName eq "x" userName eq "y"',
        '(userName eq "x"',
        'userName eq "x")',
        'not userName eq "x"',
        "not ()",
        "emails[]",
        'emails[type eq "work"',
        'emails[type eq "work"].',
        'emails[type eq "work"].value',
        'emails[type eq "work"] eq',
        'emails[type eq "work"] is "x"',
        'emails[type eq "work"].value.more eq "x"',
        "userName eq (",
        "1name pr",
        "na!me pr",
        "urn:x: pr",
        '"userName" pr',
        "a..b pr",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    """Anything outside the grammar is 400 invalidFilter, with a sentence that says where."""
    with pytest.raises(InvalidFilter) as refusal:
        parse_filter(text)
    assert refusal.value.body()["scimType"] == "invalidFilter"
    assert refusal.value.detail


@pytest.mark.parametrize(
    "text",
    [
        "",
        "emails[broken!!!filter",
        "emails[",
        'emails[type eq "work"]value',
        'emails[type eq "work"].value eq "x"',
        'emails[type eq "work"] eq "x"',
        'emails[type eq "work"].value[x pr]',
        'userName eq "x"',
        "userName name",
        "[type pr]",
        "no such path",
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    """Anything outside the grammar of paths is 400 invalidPath."""
    with pytest.raises(InvalidPath):
        parse_path(text)


def test_an_attribute_name_has_no_filter() -> None:
    """`attributes` and `sortBy` name attributes, not values."""
    with pytest.raises(InvalidPath):
        parse_attribute('emails[type eq "work"]')


def nested(levels: int) -> str:
    return "(" * levels + "a pr" + ")" * levels


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        (f'a eq "{"x" * (MAX_LENGTH - 7)}"', f'a eq "{"x" * (MAX_LENGTH - 6)}"'),
        (nested(MAX_DEPTH), nested(MAX_DEPTH + 1)),
        ("not (" * MAX_DEPTH + "a pr" + ")" * MAX_DEPTH, "not (" * (MAX_DEPTH + 1) + "a pr" + ")" * (MAX_DEPTH + 1)),
        (" or ".join(["a pr"] * MAX_TERMS), " or ".join(["a pr"] * (MAX_TERMS + 1))),
        (f"x[{nested(MAX_DEPTH - 1)}]", f"x[{nested(MAX_DEPTH)}]"),
    ],
    ids=["length", "parentheses", "not", "terms", "value path"],
)
def test_length_depth_and_terms_are_bounded(allowed: str, refused: str) -> None:
    """What is at the limit is served; what is over it is 400 invalidFilter, before it can cost anything."""
    assert parse_filter(allowed)
    with pytest.raises(InvalidFilter):
        parse_filter(refused)


@pytest.mark.parametrize(
    "text",
    ["x" * (MAX_LENGTH + 1), f"x[{nested(MAX_DEPTH)}]", f"x[{' or '.join(['a pr'] * (MAX_TERMS + 1))}]"],
    ids=["length", "depth", "terms"],
)
def test_paths_have_the_limits_of_filters(text: str) -> None:
    """A path over a limit is 400 invalidPath."""
    with pytest.raises(InvalidPath):
        parse_path(text)


def test_an_error_quotes_only_the_beginning_of_what_was_sent() -> None:
    """A detail stays readable in Entra's log, however long the filter was."""
    for text in ("x" * 8000, "a pr " + "x" * 8000, "a " + "x" * 8000, "(a pr " + "x" * 8000, '"' + "x" * 8000):
        with pytest.raises(ScimError) as refusal:
            parse_filter(text)
        assert len(refusal.value.detail) < 200


def test_comparisons_come_with_the_value_path_around_them() -> None:
    """Every comparison is found, below and, or and not, inside and outside of brackets."""
    found = list(comparisons(parse_filter('a eq 1x and (not (b eq 2x) or emails[type eq "work" and c eq 3x])')))
    assert found == [(None, A), (None, B), (name("emails"), eq("type", "work")), (name("emails"), C)]
