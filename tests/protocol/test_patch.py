"""PATCH: every row of RFC 7644 §3.5.2."""

import copy
from typing import Any

import pytest

from scim.protocol.errors import (
    InvalidPath,
    InvalidSyntax,
    NoTarget,
    PayloadTooLarge,
)
from scim.protocol.patch import apply
from scim.protocol.resource import Resource
from scim.protocol.validation import MAX_UNKNOWN
from scim.service.bodies import patch_operations
from tests.samples import (
    BARE,
    CONTOSO,
    CORE,
    ENTERPRISE,
    HOME,
    MIRA,
    USER,
    WORK,
    op,
    patched,
    patched_group,
    with_contoso,
)

UNTYPED = [{"value": "mira@contoso.example", "primary": True}, {"value": "mira@home.example"}]


# --- The message -----------------------------------------------------------------------------------------------------


def test_operators_and_names_match_whatever_their_case() -> None:
    """Entra writes `Add`; names of SCIM are case-insensitive, and what the message does not have is ignored."""
    body = {"operations": [{"Op": "REPLACE", "PATH": "DisplayName", "Value": "Caps", "name": "x"}], "id": "y"}
    assert apply(USER, BARE, patch_operations(body)).resource == {**BARE, "displayName": "Caps"}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "Operations",
        {},
        {"Operations": None},
        {"Operations": {"op": "add"}},
        {"Operations": ["add"]},
        {"Operations": [{}]},
        {"Operations": [{"op": "move", "path": "title"}]},
        {"Operations": [{"op": 1, "path": "title"}]},
        {"Operations": [{"op": "add", "path": 5, "value": "x"}]},
        {"Operations": [{"op": "add", "path": ["title"], "value": "x"}]},
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "members": [{"value": "u", "operation": "delete"}],
        },
    ],
)
def test_a_body_that_is_no_patch_op_is_invalid_syntax(body: Any) -> None:
    """Neither another shape nor the group delta of SCIM 1.1 is taken for a PatchOp."""
    with pytest.raises(InvalidSyntax, match="Operations"):
        patch_operations(body)


@pytest.mark.parametrize("verb", ["add", "Replace"])
@pytest.mark.parametrize("path", ["title", "emails", 'emails[type eq "work"].value', "members", ENTERPRISE, None])
def test_an_add_or_replace_without_a_value_is_refused(verb: str, path: str | None) -> None:
    """§3.5.2.1: it must have one; taken for null it would clear what it names, a group of all its members."""
    with pytest.raises(InvalidSyntax, match="needs a 'value'"):
        patched(MIRA, op(verb, path))
    with pytest.raises(InvalidSyntax, match="needs a 'value'"):
        patched_group(op(verb, path))


def test_no_operations_change_nothing() -> None:
    """The validator sends an empty list."""
    assert patched(MIRA) == MIRA


# --- add, RFC 7644 §3.5.2.1 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        (op("add", "title", "Captain"), {"title": "Captain"}),
        (op("add", "displayName", "M"), {"displayName": "M"}),
        (op("add", "name.middleName", "Ada"), {"name": {**MIRA["name"], "middleName": "Ada"}}),
        (op("add", "name", {"givenName": "M"}), {"name": {"givenName": "M", "familyName": "Solberg"}}),
        (op("add", "name", {"givenName": None, "middleName": "A"}), {"name": {**MIRA["name"], "middleName": "A"}}),
        (op("add", "emails", [{"value": "new"}]), {"emails": [WORK, HOME, {"value": "new"}]}),
        (op("add", "emails", {"value": "new"}), {"emails": [WORK, HOME, {"value": "new"}]}),
        (op("add", "emails", [HOME]), {}),
        (op("add", "emails", [HOME, HOME]), {}),
        (op("add", "emails", []), {}),
        (op("add", "photos", [{"value": "p", "type": "photo"}]), {"photos": [{"value": "p", "type": "photo"}]}),
        (op("add", 'emails[type eq "home"].value', "h"), {"emails": [WORK, {"value": "h", "type": "home"}]}),
        (op("add", 'emails[type eq "home"]', {"value": "h"}), {"emails": [WORK, {"value": "h", "type": "home"}]}),
        (op("add", None, {"title": "Captain", "emails": [{"value": "n"}]}),
         {"title": "Captain", "emails": [WORK, HOME, {"value": "n"}]}),
        (op("add", f"{ENTERPRISE}:costCenter", "9"), {ENTERPRISE: {**MIRA[ENTERPRISE], "costCenter": "9"}}),
        (op("add", ENTERPRISE, {"costCenter": "9"}), {ENTERPRISE: {**MIRA[ENTERPRISE], "costCenter": "9"}}),
        (op("add", None, {ENTERPRISE: {"costCenter": "9"}}), {ENTERPRISE: {**MIRA[ENTERPRISE], "costCenter": "9"}}),
        (op("add", CORE, {"title": "Captain"}), {"title": "Captain"}),
        (op("add", f"{CORE}:title", "Captain"), {"title": "Captain"}),
    ],
)  # fmt: skip
def test_add_sets_single_values_merges_complex_ones_and_appends_to_lists(
    operation: dict[str, Any], changed: Resource
) -> None:
    """§3.5.2.1: what exists is replaced, sub-attributes are merged, values are added once."""
    assert patched(MIRA, operation) == {**MIRA, **changed}


def test_adding_a_value_that_is_there_brings_it_up_to_date() -> None:
    """A value counts as the same by `value` and `type`; its other sub-attributes follow the newer one."""
    roles = [{"value": "a", "display": "Old"}, {"value": "b"}]
    added = patched({**BARE, "roles": roles}, op("add", "roles", [{"value": "a", "display": "New"}]))
    assert added["roles"] == [{"value": "a", "display": "New"}, {"value": "b"}]


def test_values_that_differ_in_case_only_are_the_same_where_case_does_not_matter() -> None:
    """As for filters: added they bring the value up to date, removed they mean it; a photo's address is exact."""
    again = {"value": "MIRA@home.example", "type": "Home"}
    assert patched(MIRA, op("add", "emails", [again]))["emails"] == [WORK, again]
    assert patched(MIRA, op("remove", "emails", [again]))["emails"] == [WORK]
    photos = {**BARE, "photos": [{"value": "https://x.example/A"}]}
    assert len(patched(photos, op("add", "photos", [{"value": "https://x.example/a"}]))["photos"]) == 2
    assert patched(photos, op("remove", "photos", [{"value": "https://x.example/a"}])) == photos
    languages = with_contoso(languages=["nb"])
    assert patched(languages, op("add", f"{CONTOSO}:languages", ["NB"])) == languages
    assert patched(languages, op("remove", f"{CONTOSO}:languages", ["NB"])) == with_contoso()


def test_values_of_a_simple_list_are_added_once() -> None:
    """A list need not be of objects."""
    before = with_contoso(languages=["nb"])
    assert patched(before, op("add", f"{CONTOSO}:languages", ["de", "nb", "de"])) == with_contoso(
        languages=["nb", "de"]
    )
    assert patched(before, op("add", f"{CONTOSO}:languages", "de")) == with_contoso(languages=["nb", "de"])


# --- remove, RFC 7644 §3.5.2.2 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        (op("remove", "displayName"), {"displayName": ...}),
        (op("remove", "title"), {}),
        (op("remove", "name"), {"name": ...}),
        (op("remove", "name.givenName"), {"name": {"familyName": "Solberg"}}),
        (op("remove", "emails"), {"emails": ...}),
        (op("remove", "emails", None), {"emails": ...}),
        (op("remove", 'emails[type eq "work"]'), {"emails": [HOME]}),
        (op("remove", 'emails[type eq "other"]'), {}),
        (op("remove", "emails[value co \"mira\"]"), {"emails": ...}),
        (op("remove", 'emails[type eq "home"].type'), {"emails": [WORK, {"value": "mira@home.example"}]}),
        (op("remove", 'emails[type eq "home"].value'), {"emails": [WORK]}),
        (op("remove", "emails.type"), {"emails": UNTYPED}),
        (op("remove", f"{ENTERPRISE}:department"), {ENTERPRISE: {"manager": MIRA[ENTERPRISE]["manager"]}}),
        (op("remove", ENTERPRISE), {ENTERPRISE: ...}),
    ],
)  # fmt: skip
def test_remove_takes_away_the_attribute_the_selected_values_or_the_sub_attribute(
    operation: dict[str, Any], changed: Resource
) -> None:
    """§3.5.2.2: an attribute without values is gone, an extension without attributes too."""
    expected = {name: item for name, item in {**MIRA, **changed}.items() if item is not ...}
    assert patched(MIRA, operation) == expected


@pytest.mark.parametrize("path", [None, "", CORE])
def test_remove_without_a_path_has_no_target(path: str | None) -> None:
    """§3.5.2.2: a remove operation names an attribute."""
    with pytest.raises(NoTarget):
        patched(MIRA, op("remove", path))


def test_remove_with_values_takes_away_those_only() -> None:
    """Entra's way to remove single values, where a strict reading would remove all."""
    assert patched(MIRA, op("Remove", "emails", [{"value": HOME["value"]}]))["emails"] == [WORK]
    assert patched(MIRA, op("Remove", "emails", HOME))["emails"] == [WORK]
    assert patched(MIRA, op("Remove", "emails", [{"value": HOME["value"], "type": "work"}])) == MIRA
    assert patched(MIRA, op("Remove", "emails", [{"type": "home"}]))["emails"] == [WORK]
    assert patched(MIRA, op("Remove", "emails", [])) == MIRA
    assert patched(MIRA, op("Remove", "emails", "")) == MIRA
    before = with_contoso(languages=["nb", "de"])
    assert patched(before, op("remove", f"{CONTOSO}:languages", ["de", "fr"])) == with_contoso(languages=["nb"])


def test_remove_with_a_value_beside_a_single_target_ignores_the_value() -> None:
    """Entra repeats a value that may differ from what is stored."""
    assert "displayName" not in patched(MIRA, op("Remove", "displayName", "somebody else"))
    assert patched(MIRA, op("Remove", 'emails[type eq "home"].value', "other@x.example"))["emails"] == [WORK]


# --- replace, RFC 7644 §3.5.2.3 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        (op("replace", "displayName", "M"), {"displayName": "M"}),
        (op("replace", "title", "Captain"), {"title": "Captain"}),
        (op("replace", "name.givenName", "M"), {"name": {"givenName": "M", "familyName": "Solberg"}}),
        (op("replace", "name", {"givenName": "M"}), {"name": {"givenName": "M", "familyName": "Solberg"}}),
        (op("replace", "name", {"givenName": "M", "familyName": None}), {"name": {"givenName": "M"}}),
        (op("replace", "name", {"GIVENNAME": ""}), {"name": {"familyName": "Solberg"}}),
        (op("replace", "emails", [{"value": "n"}]), {"emails": [{"value": "n"}]}),
        (op("replace", "emails", []), {"emails": ...}),
        (op("replace", 'emails[type eq "home"].value', "h"), {"emails": [WORK, {"value": "h", "type": "home"}]}),
        (op("replace", 'emails[type eq "home"]', {"value": "h"}), {"emails": [WORK, {"value": "h", "type": "home"}]}),
        (op("replace", 'emails[type eq "home"]', {"value": "h", "type": "other"}),
         {"emails": [WORK, {"value": "h", "type": "other"}]}),
        (op("replace", 'emails[type ne "work"]', {"value": "h"}), {"emails": [WORK, {"value": "h"}]}),
        (op("replace", 'emails[type eq "home"]', [{"value": "h"}]), {"emails": [WORK, {"value": "h", "type": "home"}]}),
        (op("replace", 'emails[type eq "third"]', [{"value": "h"}]),
         {"emails": [WORK, HOME, {"value": "h", "type": "third"}]}),
        (op("replace", 'emails[type eq "home"]', "h"), {"emails": [WORK, {"value": "h", "type": "home"}]}),
        (op("replace", 'emails[type eq "home"]', {}), {"emails": [WORK]}),
        (op("replace", "emails.type", "other"), {"emails": [{**WORK, "type": "other"}, HOME]}),
        (op("replace", "phoneNumbers.value", "1"), {"phoneNumbers": [{"value": "1"}]}),
        (op("replace", None, {"displayName": "M", "title": "C"}), {"displayName": "M", "title": "C"}),
        (op("replace", ENTERPRISE, {"department": "Land"}), {ENTERPRISE: {**MIRA[ENTERPRISE], "department": "Land"}}),
        (op("replace", f"{ENTERPRISE}:department", "Land"), {ENTERPRISE: {**MIRA[ENTERPRISE], "department": "Land"}}),
    ],
)  # fmt: skip
def test_replace_sets_the_target_whether_it_is_there_or_not(operation: dict[str, Any], changed: Resource) -> None:
    """§3.5.2.3: lists are exchanged as a whole, complex attributes by the sub-attributes that are given."""
    expected = {name: item for name, item in {**MIRA, **changed}.items() if item is not ...}
    assert patched(MIRA, operation) == expected


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("displayName", {"displayName": ...}),
        ("active", {}),
        ("name", {"name": ...}),
        ("name.givenName", {"name": {"familyName": "Solberg"}}),
        ("emails", {"emails": ...}),
        ('emails[type eq "home"].value', {"emails": [WORK]}),
        ('emails[type eq "other"].value', {}),
        ('phoneNumbers[type ne "work"].value', {}),
        (f"{ENTERPRISE}:department", {ENTERPRISE: {"manager": MIRA[ENTERPRISE]["manager"]}}),
    ],
)
def test_replacing_with_null_or_an_empty_string_clears(path: str, changed: Resource, nothing: str | None) -> None:
    """Microsoft's gallery test clears every optional attribute so, first with "", then with null; active stays."""
    expected = {name: item for name, item in {**MIRA, **changed}.items() if item is not ...}
    assert patched(MIRA, op("replace", path, nothing)) == expected
    assert patched(MIRA, op("replace", None, {path: nothing})) == expected


# --- As a whole ------------------------------------------------------------------------------------------------------


def test_operations_apply_in_their_order() -> None:
    """The validator removes, adds and replaces one attribute in one request."""
    operations = [op("remove", "displayName"), op("add", "displayName", "Mid"), op("replace", "displayName", "Final")]
    assert patched(MIRA, *operations) == {**MIRA, "displayName": "Final"}


def test_a_failed_patch_leaves_the_resource_as_it_was() -> None:
    """All operations or none: what came before the failing one is not seen."""
    before = copy.deepcopy(MIRA)
    operations = [
        op("replace", "displayName", "Half"),
        op("remove", "emails[type eq \"work\"]"),
        op("replace", "name.givenName", "Half"),
        op("add", f"{ENTERPRISE}:manager", "half"),
        op("replace", "emails[broken", "x"),
    ]  # fmt: skip
    with pytest.raises(InvalidPath):
        patched(before, *operations)
    assert before == MIRA


def test_a_patch_never_changes_the_resource_that_it_is_given() -> None:
    """The caller compares before and after to see whether anything is to be written."""
    before = copy.deepcopy(MIRA)
    changed = patched(
        before,
        op("add", "emails", [{**HOME, "primary": True}]),
        op("replace", 'emails[type eq "work"].value', "n"),
        op("replace", "name.givenName", "N"),
        op("replace", f"{ENTERPRISE}:department", "N"),
        op("remove", f"{ENTERPRISE}:manager"),
    )
    assert before == MIRA
    assert changed != MIRA


@pytest.mark.parametrize(
    "operation",
    [
        op("Replace", "userName", MIRA["userName"]),
        op("Replace", "active", "True"),
        op("Add", 'emails[type eq "work"].value', WORK["value"]),
        op("Add", "emails", [WORK]),
        op("Replace", "emails", [WORK, HOME]),
        op("Replace", None, {"name.givenName": "Mira", f"{ENTERPRISE}:department": "Sea", "id": MIRA["id"]}),
        op("Replace", f"{ENTERPRISE}:manager", "26118915"),
        op("Remove", "title"),
        op("Remove", "phoneNumbers[type eq \"work\"].value"),
        op("Add", "unknown", "x"),
    ],
)  # fmt: skip
def test_a_patch_that_changes_nothing_gives_an_equal_resource(operation: dict[str, Any]) -> None:
    """So that nothing is written, no version changes and no audit row says otherwise."""
    assert patched(MIRA, operation) == MIRA


LIST = [{"value": f"v{number}"} for number in range(1000)]


def test_a_patch_may_be_large_where_nothing_is_compared() -> None:
    """Hundreds of operations and thousands of values of one kind are no burden, nor is any number of members by id."""
    assert len(patched(BARE, op("add", "roles", LIST), op("add", "roles", LIST))["roles"]) == 1000
    assert patched(BARE, *[op("add", "title", "T")] * 5000)["title"] == "T"
    members = [op("remove", f'members[value eq "u{number}"]') for number in range(5000)]
    assert len(patched_group(op("add", "members", LIST), *members).members.wanted) == 6000


@pytest.mark.parametrize(
    "operations",
    [
        [op("add", "roles", LIST), op("remove", "roles", LIST)],
        [op("add", f'roles[value eq "v{number}"].display', "x") for number in range(1000)],
        [op("add", "roles", LIST * 51)],
        [op("add", f"unknown[{' or '.join(['display pr'] * 200)}]", "x")] * 251,
        [op("add", "roles", LIST), op("remove", f"roles[{' or '.join(['display pr'] * 200)}]"),
         op("remove", f"roles[{' or '.join(['display pr'] * 200)}]")],
    ],
    ids=["named values", "filters", "added values", "terms of unknown paths", "terms"],
)  # fmt: skip
def test_a_patch_that_compares_too_many_values_is_too_large(operations: list[dict[str, Any]]) -> None:
    """One request must not keep all others waiting."""
    with pytest.raises(PayloadTooLarge, match="fewer"):
        patched(BARE, *operations)
    with pytest.raises(PayloadTooLarge, match="fewer"):
        patched_group(*[op("remove", 'members[type eq "User"]')] * 400, members=LIST)


def test_a_patch_has_a_thousand_names_at_most_that_no_schema_knows() -> None:
    """Each costs time; names in one operation and in many count alike."""
    names = [f"unknown{number}" for number in range(MAX_UNKNOWN + 1)]
    assert patched(BARE, op("add", None, dict.fromkeys(names[1:], "x"))) == BARE
    for operations in ([op("add", None, dict.fromkeys(names, "x"))], [op("add", name, "x") for name in names]):
        with pytest.raises(PayloadTooLarge, match="1,000 names"):
            patched(BARE, *operations)
