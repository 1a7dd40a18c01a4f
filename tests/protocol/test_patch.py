"""PATCH: every row of RFC 7644 §3.5.2, and what Entra, Okta and others send besides."""

import copy
from typing import Any

import pytest

from scim.protocol.errors import (
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    Mutability,
    NoTarget,
    PayloadTooLarge,
    ScimError,
)
from scim.protocol.patch import MemberChange, MembersNeeded, apply, member_ids
from scim.protocol.resource import Resource
from scim.protocol.validation import MAX_UNKNOWN
from scim.service.bodies import patch_operations
from tests.samples import CONTOSO, CORE, ENTERPRISE, GROUP, MIRA, USER, patched, patched_group

BARE: Resource = {"userName": "bare@contoso.example"}
WORK, HOME = MIRA["emails"]
UNTYPED = [{"value": "mira@contoso.example", "primary": True}, {"value": "mira@home.example"}]


def op(op: str, path: str | None = None, value: Any = ...) -> dict[str, Any]:
    """Return an operation; without a path or a value where none is given."""
    made = {"op": op, "path": path, "value": value}
    return {name: item for name, item in made.items() if item is not ... and not (name == "path" and item is None)}


def with_contoso(**attributes: Any) -> Resource:
    return {**BARE, CONTOSO: {"clearance": "office", **attributes}}


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
        (op("replace", "emails.type", "other"), {"emails": [{**WORK, "type": "other"}, {**HOME, "type": "other"}]}),
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
        ("active", {"active": ...}),
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
    """Microsoft's gallery test clears every optional attribute so, first with "", then with null."""
    expected = {name: item for name, item in {**MIRA, **changed}.items() if item is not ...}
    assert patched(MIRA, op("replace", path, nothing)) == expected
    assert patched(MIRA, op("replace", None, {path: nothing})) == expected


# --- Targets that are not there --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["Add", "Replace", "add", "replace"])
def test_a_value_that_the_filter_describes_comes_to_be(verb: str) -> None:
    """Entra adds or replaces `emails[type eq "work"].value` whether or not there is such a value."""
    made = patched(BARE, op(verb, 'emails[type eq "work"].value', "w"))
    assert made["emails"] == [{"type": "work", "value": "w"}]
    whole = patched(BARE, op(verb, 'addresses[type eq "work" and primary eq true]', {"locality": "Oslo"}))
    assert whole["addresses"] == [{"type": "work", "primary": True, "locality": "Oslo"}]
    role = patched(BARE, op(verb, 'roles[primary eq "True"].value', "Admin"))
    assert role["roles"] == [{"primary": True, "value": "Admin"}]


@pytest.mark.parametrize(
    "selection", ['type ne "x"', 'value co "@"', 'type eq "a" or type eq "b"', "not (type pr)", "type eq null"]
)
def test_a_filter_that_describes_no_value_and_selects_none_has_no_target(selection: str) -> None:
    """§3.5.2.3: nothing to replace, and nothing that could be made."""
    for verb in ("add", "replace"):
        with pytest.raises(NoTarget):
            patched(BARE, op(verb, f"emails[{selection}].value", "x"))
    assert patched(BARE, op("remove", f"emails[{selection}].value")) == BARE


def test_a_value_that_would_not_be_what_the_filter_describes_does_not_come_to_be() -> None:
    """The second of two equal requests must not make a value that the first one changed away."""
    for path, value in (
        ('emails[value eq "a"].value', "b"),
        ('emails[type eq "work"]', {"type": "home", "value": "b"}),
    ):
        with pytest.raises(NoTarget):
            patched(BARE, op("replace", path, value))


def test_operations_on_one_described_value_fill_one_value() -> None:
    """Entra sends value, primary and type of one e-mail as operations of their own, in any order, primary as text."""
    operations = [
        op("Add", 'emails[type eq "work"].primary', "true"),
        op("Add", 'emails[type eq "work"].type', "work"),
        op("Add", 'emails[type eq "work"].value', "w"),
    ]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        made = patched(BARE, *(operations[at] for at in order))
        assert made["emails"] == [{"value": "w", "type": "work", "primary": True}]


def test_labels_alone_are_no_value() -> None:
    """An e-mail that has a type and nothing else is not kept when the operations are over."""
    assert patched(BARE, op("add", 'emails[type eq "work"].primary', True)) == BARE


def test_the_same_may_be_said_twice_in_an_object() -> None:
    """With and without the URN; another value is refused."""
    object_ = {"title": "Pilot", f"{CORE}:title": "Pilot"}
    assert patched(BARE, op("add", None, object_)) == {**BARE, "title": "Pilot"}
    with pytest.raises(InvalidValue, match="more than once"):
        patched(BARE, op("add", None, {**object_, f"{CORE}:title": "Cook"}))


def test_a_label_that_becomes_primary_without_a_value_takes_it_from_nobody() -> None:
    """It is none after all, and goes, also when it was stored."""
    home = {"type": "home", "value": "h", "primary": True}
    before = {**BARE, "emails": [{"type": "work"}, home]}
    assert patched(before, op("Add", 'emails[type eq "work"].primary', "True"))["emails"] == [home]


def test_a_value_that_gives_primary_away_is_still_the_same() -> None:
    """When it is added again in the same PATCH."""
    work, home = {"type": "work", "locality": "Oslo"}, {"type": "home", "locality": "Bergen"}
    before = {**BARE, "addresses": [{**work, "primary": True}]}
    operations = (
        op("add", "addresses", [{**home, "primary": True}]),
        op("add", "addresses", [{**work, "primary": False}]),
    )
    after = patched(before, *operations)["addresses"]
    assert after == [{**work, "primary": False}, {**home, "primary": True}]


def test_labels_that_were_there_before_stay() -> None:
    """POST takes them; another value that is added, or becomes primary, takes nothing away from them."""
    before = {**BARE, "roles": [{"type": "Admin", "primary": True}, {"value": "r"}]}
    assert patched(before, op("add", "roles", [{"value": "s"}]))["roles"] == [*before["roles"], {"value": "s"}]
    changed = patched(before, op("add", "roles", [{"value": "r", "primary": True}]))["roles"]
    assert changed == [{"type": "Admin", "primary": False}, {"value": "r", "primary": True}]
    assert patched(before, op("remove", 'roles[value eq "r"].value'))["roles"] == [before["roles"][0]]


@pytest.mark.parametrize(
    "operation",
    [
        op("replace", "urn:ietf:params:scim:schemas:extension:Fjord:2.0:User:tag", "x"),
        op("add", "nickname2", "x"),
        op("add", "name.unknown", "x"),
        op("remove", "unknown"),
        op("replace", None, {"unknown": {"a": 1}, "urn:x:y": {"z": 1}}),
        op("replace", f"{CORE}:unknown", "x"),
        op("add", "members", [{"value": "x"}]),
    ],
)  # fmt: skip
def test_a_path_that_no_schema_knows_is_left_out(operation: dict[str, Any]) -> None:
    """One unmapped attribute must not fail the whole user; the other operations count."""
    assert patched(BARE, operation, op("add", "title", "C")) == {**BARE, "title": "C"}


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (op("add", "emails[broken!!!filter", "x"), InvalidPath),
        (op("add", "emails[", "x"), InvalidPath),
        (op("add", "not a path", "x"), InvalidPath),
        (op("add", "\ud800", "x"), InvalidPath),
        (op("add", 'emails[unknown eq "x"].value', "x"), InvalidPath),
        (op("add", 'userName[value eq "x"]', "x"), InvalidPath),
        (op("add", f'{CONTOSO}:languages[value eq "x"]', "x"), InvalidPath),
        (op("replace", None, {"emails[": "x"}), InvalidPath),
        (op("add", "x" * 9000, "x"), InvalidPath),
        (op("add", None, "x"), InvalidValue),
        (op("replace", None, {"title": "A", "TITLE": "Z"}), InvalidValue),
        (op("replace", None, {"title": "A", f"{CORE}:title": "Z"}), InvalidValue),
        (op("replace", None, {"department": "A", f"{ENTERPRISE}:department": "Z"}), InvalidValue),
        (op("add", ENTERPRISE, {"department": "A", "Department": "Z"}), InvalidValue),
        (op("add", None, {'emails[type eq "work"].value': "a", 'Emails[type eq "work"].Value': "z"}), InvalidValue),
        (op("replace", None, None), InvalidValue),
        (op("add", ENTERPRISE, "x"), InvalidValue),
        (op("replace", None, {CORE: "x"}), InvalidValue),
        (op("replace", "active", "maybe"), InvalidValue),
        (op("replace", "active", [True]), InvalidValue),
        (op("replace", "displayName", {"a": 1}), InvalidValue),
        (op("replace", "name", "Mira"), InvalidValue),
        (op("replace", "name", [{"givenName": "a"}, {"givenName": "b"}]), InvalidValue),
        (op("add", "emails", [5]), InvalidValue),
        (op("add", "emails", 5), InvalidValue),
        (op("add", "emails", [{"value": "x", "operation": "delete"}]), InvalidSyntax),
        (op("replace", 'emails[type eq "work"]', 5), InvalidValue),
        (op("replace", 'emails[type eq "work"]', [{"value": "a"}, {"value": "b"}]), InvalidValue),
        (op("remove", "emails", [5]), InvalidValue),
    ],
)
def test_what_does_not_fit_is_refused_with_its_scim_type(operation: dict[str, Any], error: type[ScimError]) -> None:
    """Table 9 of RFC 7644."""
    with pytest.raises(error):
        patched(MIRA, operation)


def test_an_error_names_the_operation() -> None:
    """The administrator reads in Entra's log which mapping to change."""
    with pytest.raises(InvalidValue) as refusal:
        patched(MIRA, op("Add", "title", "x"), op("Replace", "active", "maybe"))
    assert refusal.value.detail == "Operation 2, replace active: active must be true or false."
    assert refusal.value.body()["detail"] == refusal.value.detail


# --- primary, mutability, required -----------------------------------------------------------------------------------


def test_a_value_that_becomes_primary_takes_that_from_the_other() -> None:
    """§3.5.2: the service sets the old primary value to false, whichever way the new one came."""
    expected = [{**WORK, "primary": False}, {**HOME, "primary": True}]
    assert patched(MIRA, op("replace", 'emails[type eq "home"].primary', "True"))["emails"] == expected
    assert patched(MIRA, op("add", "emails", [{**HOME, "primary": True}]))["emails"] == expected
    assert patched(MIRA, op("replace", 'emails[type eq "home"]', {**HOME, "primary": True}))["emails"] == expected
    new = {"value": "n", "type": "other", "primary": True}
    assert patched(MIRA, op("add", None, {"emails": [new]}))["emails"] == [{**WORK, "primary": False}, HOME, new]


TAKEN = op("Add", 'emails[type eq "other"].primary', "True")


@pytest.mark.parametrize(
    "operations",
    [
        [TAKEN],
        [op("Add", 'emails[type eq "other"].value', ""), TAKEN],
        [TAKEN, op("Add", 'emails[type eq "third"].primary', "True")],
        [TAKEN, op("Replace", 'emails[type eq "home"].primary', "False")],
    ],
)
def test_a_value_that_never_comes_takes_primary_from_nobody(operations: list[dict[str, Any]]) -> None:
    """Entra maps `.primary` of an e-mail that a user does not have."""
    changed = patched(MIRA, *operations, op("Replace", 'emails[type eq "work"].value', "n"))["emails"]
    assert [each["type"] for each in changed if each.get("primary")] == ["work"]
    assert changed[0] == {**WORK, "value": "n"}


def test_primary_goes_back_to_the_value_that_had_it_last() -> None:
    """Not where another one kept it, or where the client itself took it away."""
    home = op("Replace", 'emails[type eq "home"].primary', True)
    assert patched(MIRA, home, TAKEN)["emails"] == [{**WORK, "primary": False}, {**HOME, "primary": True}]
    emptied = [home, op("Remove", 'emails[type eq "home"]')]
    assert patched(MIRA, *emptied)["emails"] == [{**WORK, "primary": False}]
    refused = op("Replace", 'emails[type eq "work"].primary', False)
    assert patched(MIRA, TAKEN, refused)["emails"] == [{**WORK, "primary": False}, HOME]


def test_the_primary_value_stays_primary_when_it_changes() -> None:
    """A new address in the primary e-mail touches no other."""
    changed = patched(MIRA, op("replace", "emails[primary eq true].value", "n"))
    assert changed["emails"] == [{**WORK, "value": "n"}, HOME]


@pytest.mark.parametrize(
    "operation",
    [
        op("add", "emails", [{"value": "a", "primary": True}, {"value": "b", "primary": True}]),
        op("replace", "emails", [{"value": "a", "primary": True}, {"value": "b", "primary": "True"}]),
        op("replace", "phoneNumbers.primary", True),
    ],
)
def test_two_primary_values_are_refused(operation: dict[str, Any]) -> None:
    """RFC 7643 §2.4: primary is true for one value at most."""
    with pytest.raises(InvalidValue, match="primary"):
        patched({**MIRA, "phoneNumbers": [{"value": "1"}, {"value": "2"}]}, operation)


@pytest.mark.parametrize(
    "operation",
    [
        op("replace", "id", "other"),
        op("remove", "id"),
        op("add", "groups", [{"value": "g"}]),
        op("remove", "groups"),
        op("replace", "meta.created", "2020-01-01T00:00:00Z"),
        op("replace", None, {"id": "other"}),
        op("replace", f"{CONTOSO}:grade", "9"),
        op("add", f"{ENTERPRISE}:manager.displayName", "x"),
        op("replace", "meta", {"resourceType": "User"}),
        op("replace", "meta.resourceType", "User"),
    ],
)
def test_a_path_to_a_read_only_attribute_is_a_mutability_error(operation: dict[str, Any]) -> None:
    """§3.5.2; another id than the resource's own is refused in an object as well."""
    with pytest.raises(Mutability):
        patched(MIRA, operation)


def test_read_only_attributes_that_are_echoed_do_no_harm() -> None:
    """Okta repeats the own id in every rename; a merged resource brings groups and meta along."""
    echo = {"id": MIRA["id"], "schemas": [CORE], "groups": [{"value": "g"}], "meta": {"version": "x"}}
    assert patched(MIRA, op("replace", None, {**echo, "title": "C"})) == {**MIRA, "title": "C"}
    assert patched(MIRA, op("replace", "id", MIRA["id"])) == MIRA
    inside = {f"{MANAGER}.displayName": "Boss", "manager": {"value": "26118915", "displayName": "Boss"}}
    assert patched(MIRA, op("replace", None, {**inside, "title": "C", "meta.version": "x"})) == {**MIRA, "title": "C"}


def test_schemas_follow_from_the_attributes() -> None:
    """A client that adds an attribute of an extension may add the URN too; that changes nothing by itself."""
    assert patched(MIRA, op("add", "schemas", [CONTOSO])) == MIRA


def test_an_immutable_attribute_is_set_once() -> None:
    """§3.5.2: a value may be added where there is none; afterwards only the same one."""
    path = f"{CONTOSO}:badge"
    given = patched(with_contoso(), op("add", path, "7"))
    assert given == with_contoso(badge="7")
    assert patched(given, op("replace", path, "7")) == given
    for operation in (op("replace", path, "8"), op("remove", path), op("replace", path, ""), op("remove", CONTOSO)):
        with pytest.raises(Mutability, match="immutable"):
            patched(given, operation)


def test_an_immutable_sub_attribute_is_set_once() -> None:
    """The same for a sub-attribute of a complex attribute, by path and by object."""
    before = with_contoso(office={"building": "A", "key": "7"})
    office = f"{CONTOSO}:office"
    assert patched(before, op("add", office, {"key": "7", "floor": "2"})) == with_contoso(
        office={"building": "A", "key": "7", "floor": 2}
    )
    for operation in (
        op("replace", f"{office}.key", "8"),
        op("remove", f"{office}.key"),
        op("add", office, {"key": "8"}),
        op("replace", office, {"key": None, "building": "B"}),
    ):
        with pytest.raises(Mutability, match="immutable"):
            patched(before, operation)
    assert patched(before, op("remove", office)) == with_contoso()


def test_an_immutable_sub_attribute_of_a_value_cannot_be_changed_by_adding_the_value_again() -> None:
    """The value may go as a whole, but not get another seal."""
    before = with_contoso(devices=[{"value": "d1", "seal": "s1"}])
    devices = f"{CONTOSO}:devices"
    for operation in (
        op("add", devices, [{"value": "d1", "seal": "s2"}]),
        op("replace", f'{devices}[value eq "d1"].seal', "s2"),
        op("add", f'{devices}[value eq "d1"]', {"seal": "s2"}),
    ):
        with pytest.raises(Mutability, match="immutable"):
            patched(before, operation)
    assert patched(before, op("remove", f'{devices}[value eq "d1"]')) == with_contoso()


@pytest.mark.parametrize(
    "operation", [op("remove", "userName"), op("replace", "userName", ""), op("replace", None, {"userName": None})]
)
def test_a_required_attribute_cannot_be_taken_away(operation: dict[str, Any]) -> None:
    """§3.5.2.2 calls that mutability; in between, a later operation may bring the value back."""
    with pytest.raises(Mutability, match="userName is required"):
        patched(MIRA, operation)
    assert patched(MIRA, operation, op("add", "userName", "new"))["userName"] == "new"


def test_an_extension_that_comes_to_be_needs_its_required_attributes() -> None:
    """What was never there was not taken away: the value is missing."""
    with pytest.raises(InvalidValue, match=f"{CONTOSO}:clearance is required"):
        patched(BARE, op("add", f"{CONTOSO}:site", "Oslo"))
    assert patched(BARE, op("add", CONTOSO, {"clearance": "lobby", "site": "Oslo"}))[CONTOSO]["site"] == "Oslo"
    with pytest.raises(Mutability, match="clearance"):
        patched(with_contoso(site="Oslo"), op("remove", f"{CONTOSO}:clearance"))
    with pytest.raises(InvalidValue, match=r"devices\.value is required"):
        patched(with_contoso(), op("add", f"{CONTOSO}:devices", [{"seal": "s"}]))


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


# --- Entra's two dialects --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    [
        op("Replace", "active", "False"),
        op("Replace", "active", "false"),
        op("Replace", "active", False),
        op("replace", "active", False),
        op("Add", "active", "False"),
        op("RePlAcE", "ACTIVE", "FALSE"),
        op("replace", None, {"active": False}),
        op("replace", None, {"active": "False"}),
        op("Replace", f"{CORE}:active", "False"),
        op("replace", None, {CORE: {"active": False}}),
    ],
)
def test_every_way_to_disable_a_user_disables(operation: dict[str, Any]) -> None:
    """Default dialect, flag dialect, the documentation page, Okta: `active` is false, nothing else changes."""
    assert patched(MIRA, operation) == {**MIRA, "active": False}


def test_the_flag_dialect_changes_dotted_and_qualified_keys_in_one_value() -> None:
    """Keys of a value without path are paths, not names of attributes with dots in them."""
    changed = patched(
        MIRA,
        op("replace", 'emails[type eq "work"].value', "m2"),
        op(
            "replace",
            None,
            {
                "displayName": "Mira S",
                "name.givenName": "M",
                "NAME.familyName": "S",
                f"{ENTERPRISE}:employeeNumber": "77",
                f"{CORE}:title": "Captain",
                'phoneNumbers[type eq "mobile"].value': "1",
                "department": "Land",
            },
        ),
    )
    assert changed == {
        **MIRA,
        "displayName": "Mira S",
        "name": {"givenName": "M", "familyName": "S"},
        "title": "Captain",
        "emails": [{**WORK, "value": "m2"}, HOME],
        "phoneNumbers": [{"type": "mobile", "value": "1"}],
        ENTERPRISE: {**MIRA[ENTERPRISE], "employeeNumber": "77", "department": "Land"},
    }


@pytest.mark.parametrize(
    "path",
    [
        'emails[type eq "work"].value',
        'emails[type eq "work"].Value',
        'Emails[Type EQ "WORK"].VALUE',
        f'{CORE}:emails[type eq "work"].value',
        "emails[primary eq true].value",
        'emails[primary eq "True"].value',
        'emails[type eq "work" and primary eq true].value',
    ],
)
def test_names_in_a_path_match_whatever_their_case_and_qualification(path: str) -> None:
    """The work e-mail is found by each of these paths."""
    assert patched(MIRA, op("Replace", path, "n"))["emails"] == [{**WORK, "value": "n"}, HOME]


MANAGER = f"{ENTERPRISE}:manager"
LED = {**BARE, ENTERPRISE: {"manager": {"value": "old", "$ref": "https://x.example/Users/old"}}}


@pytest.mark.parametrize("before", [BARE, LED], ids=["nobody before", "another before"])
@pytest.mark.parametrize(
    "operation",
    [
        op("Add", MANAGER, "new"),
        op("replace", MANAGER, "new"),
        op("add", MANAGER, {"value": "new"}),
        op("replace", MANAGER, {"value": "new"}),
        op("Add", "manager", [{"value": "new"}]),
        op("Replace", "manager", [{"value": "new"}]),
        op("Add", f"{ENTERPRISE}.manager", "new"),
        op("replace", None, {MANAGER: "new"}),
        op("replace", None, {ENTERPRISE: {"manager": "new"}}),
        op("replace", f"{MANAGER}.value", "new"),
        op("add", ENTERPRISE, {"manager": {"value": "new"}}),
    ],
)
def test_every_way_to_set_the_manager_sets_it(operation: dict[str, Any], before: Resource) -> None:
    """Bare id, object, list of one, dotted URN, pathless; a reference to the manager before is not kept."""
    assert patched(before, operation) == {**BARE, ENTERPRISE: {"manager": {"value": "new"}}}


def test_a_reference_beside_the_manager_is_kept() -> None:
    """Microsoft's page shows `$ref` and `value` together."""
    manager = {"$ref": "https://x.example/Users/new", "value": "new"}
    assert patched(LED, op("Add", "manager", [manager])) == {**BARE, ENTERPRISE: {"manager": manager}}


@pytest.mark.parametrize(
    "operation",
    [
        op("Remove", MANAGER),
        op("remove", "manager"),
        op("remove", f"{ENTERPRISE}.manager"),
        op("replace", MANAGER, ""),
        op("replace", MANAGER, None),
        op("add", MANAGER, {"value": ""}),
        op("replace", MANAGER, {"value": ""}),
        op("replace", MANAGER, {"value": None}),
        op("remove", 'manager[value eq "old"]'),
        op("remove", f'{MANAGER}[value eq "old"]'),
        op("remove", f"{MANAGER}.value"),
        op("replace", None, {MANAGER: ""}),
        op("replace", MANAGER, {}),
    ],
)
def test_every_way_to_clear_the_manager_clears_it(operation: dict[str, Any]) -> None:
    """Afterwards there is no manager at all; and clearing twice is no error."""
    assert patched(LED, operation) == BARE
    assert patched(BARE, operation) == BARE


def test_a_filter_on_the_manager_selects_that_manager_only() -> None:
    """Removing somebody who is not the manager succeeds and changes nothing; setting through it has no target."""
    assert patched(LED, op("remove", 'manager[value eq "somebody"]')) == LED
    with pytest.raises(NoTarget):
        patched(LED, op("replace", 'manager[value eq "somebody"]', "new"))


JSON_ROLE = '{"id":"06b0","value":"25","displayName":"Role1234"}'


@pytest.mark.parametrize(
    ("operation", "roles"),
    [
        (op("Add", "roles", [{"value": JSON_ROLE}]), [{"value": "a"}, {"value": "25", "display": "Role1234"}]),
        (op("Add", "roles", [{"value": "b", "displayName": "B"}]), [{"value": "a"}, {"value": "b", "display": "B"}]),
        (
            op("replace", "roles", [{"primary": "False", "type": "W", "display": "B", "value": "b"}]),
            [{"primary": False, "type": "W", "display": "B", "value": "b"}],
        ),
        (op("Add", 'roles[primary eq "True"].value', "b"), [{"value": "a"}, {"value": "b", "primary": True}]),
        (op("Add", "roles", [{"value": "{not json"}]), [{"value": "a"}, {"value": "{not json"}]),
        (op("Add", "roles", ["b"]), [{"value": "a"}, {"value": "b"}]),
    ],
)
def test_every_form_of_roles_becomes_roles(operation: dict[str, Any], roles: list[Resource]) -> None:
    """JSON text inside value, displayName for display, primary as text, a filtered path."""
    assert patched({**BARE, "roles": [{"value": "a"}]}, operation) == {**BARE, "roles": roles}


def test_the_single_role_is_built_from_three_paths() -> None:
    """SingleAppRoleAssignment maps value, display and type, each with its own operation."""
    paths = {"value": "Admin", "display": "Administrator", "type": "W"}
    changed = patched(BARE, *(op("Add", f'roles[primary eq "True"].{sub}', item) for sub, item in paths.items()))
    assert changed["roles"] == [{"primary": True, **paths}]


# --- Members of a group ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "cleared", "wanted"),
    [
        (op("Add", "members", [{"$ref": None, "value": "u1"}]), False, {"u1": True}),
        (op("add", "members", [{"value": "u1"}, {"value": "u2"}, {"value": "u1"}]), False, {"u1": True, "u2": True}),
        (op("add", "members", {"value": "u1"}), False, {"u1": True}),
        (op("add", "members", "u1"), False, {"u1": True}),
        (op("add", None, {"members": [{"VALUE": "u1", "display": "x", "type": "User"}]}), False, {"u1": True}),
        (op("add", "members", []), False, {}),
        (op("Remove", "members", [{"$ref": None, "value": "u1"}]), False, {"u1": False}),
        (op("remove", "members", [{"value": "u1"}, {"value": "u2"}]), False, {"u1": False, "u2": False}),
        (op("remove", "members", {"value": "u1"}), False, {"u1": False}),
        (op("remove", "members", {"members": [{"value": "u1"}]}), False, {"u1": False}),
        (op("remove", "members", []), False, {}),
        (op("remove", 'members[value eq "u1"]'), False, {"u1": False}),
        (op("remove", "members[value eq u1]", "ignored"), False, {"u1": False}),
        (op("remove", 'MEMBERS[Value EQ "u1" or value eq "u2"]'), False, {"u1": False, "u2": False}),
        (op("remove", "members"), True, {}),
        (op("remove", "members", None), True, {}),
        (op("replace", "members", []), True, {}),
        (op("replace", "members", [{"value": "u1"}]), True, {"u1": True}),
        (op("replace", None, {"members": [{"value": "u1"}]}), True, {"u1": True}),
        (op("replace", f"{GROUP.schema.id}:members", [{"value": "u1"}]), True, {"u1": True}),
    ],
)
def test_members_change_by_id_without_knowing_the_others(
    operation: dict[str, Any], cleared: bool, wanted: dict[str, bool]
) -> None:
    """All forms of both dialects, Okta and JumpCloud: an empty list removes nobody, no value or null removes all."""
    change = patched_group(operation)
    assert change.members == MemberChange(cleared, wanted)
    assert bool(change.members) is (cleared or bool(wanted))
    assert change.resource == {"id": "fedcba9876543210fedcba9876543210", "displayName": "Crew"}


def test_later_operations_on_members_override_earlier_ones() -> None:
    """Added and then removed is removed; cleared and then added is added."""
    add, remove = op("add", "members", ["u1", "u2"]), op("remove", 'members[value eq "u1"]')
    assert patched_group(add, remove).members == MemberChange(False, {"u1": False, "u2": True})
    assert patched_group(remove, add).members == MemberChange(False, {"u1": True, "u2": True})
    assert patched_group(add, op("remove", "members")).members == MemberChange(True, {})
    change = patched_group(op("remove", "members"), add, remove).members
    assert (change.cleared, change.added, change.removed) == (True, ["u2"], ["u1"])


def test_a_rename_does_not_touch_members() -> None:
    """Okta sends id and name with every membership change; members are neither read nor changed."""
    change = patched_group(op("replace", None, {"id": "fedcba9876543210fedcba9876543210", "displayName": "Crew B"}))
    assert change.resource["displayName"] == "Crew B"
    assert not change.members


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (op("add", "members", [{"value": "u1", "operation": "delete"}]), InvalidSyntax),
        (op("replace", "members", [{"Operation": "delete", "value": "u1"}]), InvalidSyntax),
        (op("add", "members", [{"display": "x"}]), InvalidValue),
        (op("add", "members", [{"value": ""}]), InvalidValue),
        (op("add", "members", [{"value": 5}]), InvalidValue),
        (op("add", "members", [{"value": "u1", "Value": "u2"}]), InvalidValue),
        (op("replace", None, {"members": [{"value": "u1"}], "Members": []}), InvalidValue),
        (op("add", "members", [None]), InvalidValue),
        (op("add", "members", [[]]), InvalidValue),
        (op("add", "members", ""), InvalidValue),
        (op("replace", "members", None), InvalidValue),
        (op("remove", "members", ""), InvalidValue),
        (op("remove", "members", {}), InvalidValue),
        (op("remove", "members", {"value": None}), InvalidValue),
        (op("remove", "members", {"members": [{}]}), InvalidValue),
        (op("remove", "members.value"), InvalidPath),
        (op("replace", "members.type", "User"), InvalidPath),
        (op("remove", 'members[value eq "u1"].type'), InvalidPath),
        (op("add", 'members[value eq "u1"]', {"type": "User"}), InvalidPath),
        (op("replace", 'members[value eq "u1"].type', "User"), InvalidPath),
        (op("remove", 'members[$ref eq "https://x.example/scim/v2/Users/u1"]'), InvalidPath),
        (op("remove", 'members[value eq "u1" or $REF ew "u2"]'), InvalidPath),
        (op("replace", None, {"id": "other", "displayName": "Crew B"}), Mutability),
        (op("remove", "displayName"), Mutability),
    ],
)
def test_what_is_no_change_of_members_is_refused(operation: dict[str, Any], error: type[ScimError]) -> None:
    """A form that is not understood never empties a group."""
    with pytest.raises(error):
        patched_group(operation, members=[])


@pytest.mark.parametrize(
    "operation",
    [
        op("add", "members", None),
        op("replace", None, {"members": None, "displayName": "Crew B"}),
        op("add", GROUP.schema.id, {"members": None, "displayName": "Crew B"}),
    ],
)
def test_null_in_an_object_says_nothing_of_members(operation: dict[str, Any]) -> None:
    """As in a PUT; the rest of the operation counts."""
    change = patched_group(operation, members=[])
    assert not change.members
    assert change.resource["displayName"] == ("Crew" if operation.get("path") == "members" else "Crew B")


def test_members_are_needed_only_to_select_them_by_something_else_than_the_id() -> None:
    """The caller reads them and applies the operations again."""
    operations = (op("add", "members", ["u4"]), op("remove", 'members[type eq "Group" or value sw "u3"]'))
    with pytest.raises(MembersNeeded) as needed:
        patched_group(*operations, op("add", "members", ["u5"]))
    assert needed.value.added == ["u4"]
    members = [
        {"value": "u1", "type": "User"},
        {"value": "u2", "type": "Group"},
        {"value": "u3", "type": "User"},
    ]
    assert patched_group(*operations, members=members).members.wanted == {"u4": True, "u2": False, "u3": False}


def test_a_selection_of_members_sees_what_earlier_operations_did() -> None:
    """Who was removed or cleared before is not selected, who was added is."""
    members = [{"value": "u1", "type": "User"}, {"value": "u2", "type": "User"}]
    selected = op("remove", 'members[value sw "u"]')
    cleared = patched_group(op("replace", "members", ["u3", "x"]), selected, members=members).members
    assert cleared == MemberChange(True, {"u3": False, "x": True})
    removed = patched_group(op("remove", "members", ["u1"]), selected, members=members).members
    assert removed == MemberChange(False, {"u1": False, "u2": False})
    with pytest.raises(InvalidPath):
        patched_group(op("remove", 'members[unknown eq "x"]'), members=members)


def test_who_was_added_before_is_selected_by_what_it_is() -> None:
    """§3.5.2: operations apply in their order; the caller says what those are whom the operations add."""
    body = {"Operations": [op("add", "members", ["u1", "g1"]), op("remove", 'members[type eq "User"]')]}
    added = [{"value": "u1", "type": "User"}, {"value": "g1", "type": "Group"}]
    change = apply(GROUP, {"displayName": "Crew"}, patch_operations(body), [], added)
    assert change.members.wanted == {"u1": False, "g1": True}


def test_ids_of_members_are_named_once_in_their_order() -> None:
    """`display`, `$ref` and unknown keys do not matter."""
    assert member_ids([{"value": "b", "display": None}, "a", {"Value": "b"}]) == ["b", "a"]
    assert member_ids(None) == []
