"""Filters and PATCHes given to this service and to scim2-models: one verdict, or a difference with a name.

scim2-models is another implementation of RFC 7643 and 7644, by other people. Where both read the RFCs alike, a
generated case must come out alike; where they do not, DIFFERENT_FILTERS and DIFFERENT_PATCHES say how and why.
"""

import copy
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scim2_models import Context, EnterpriseUser, SCIMException, ScimFilter, ScimPolicy
from scim2_models import PatchOp as ModelsPatchOp
from scim2_models import User as ModelsUser

from scim.protocol.errors import ScimError
from scim.protocol.filter import parse_filter
from scim.protocol.patch import apply
from scim.protocol.query import matcher
from scim.protocol.resource import Resource
from scim.protocol.schema import load_schemas
from scim.service.bodies import patch_operations
from tests.samples import CORE, ENTERPRISE, MIRA, examples

USER = load_schemas().user
REFUSED = "refused"
Models = ModelsUser[EnterpriseUser]
ModelsFilter, ModelsPatch = ScimFilter[Models], ModelsPatchOp[Models]
AS_ENTRA_NEEDS = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
"""What scim2-models itself offers for Microsoft Entra; without it each row of our own rules would differ."""

# --- Filters ---------------------------------------------------------------------------------------------------------

Verdict = bool | str


def our_match(text: str, user: Resource) -> Verdict:
    try:
        return matcher(parse_filter(text), USER)(user)
    except ScimError:
        return REFUSED


def their_match(text: str, user: Resource) -> Verdict:
    resource = Models.model_validate(user)
    try:
        return bool(ModelsFilter(text).match(resource, strict=True))
    except (SCIMException, ValueError):
        return REFUSED


@dataclass(frozen=True)
class FilterDifference:
    name: str
    reason: str
    text: str
    ours: Verdict
    theirs: Verdict


ADA: Resource = {
    **MIRA,
    "schemas": [CORE, ENTERPRISE],
    "profileUrl": "https://x.example/ada",
    "x509Certificates": [{"value": "QUJD"}],
    "meta": {"resourceType": "User", "created": "2026-01-31T12:00:00Z"},
}
DIFFERENT_FILTERS = [
    FilterDifference(
        "a value without quotes", "Microsoft's page shows filters so",
        "externalId eq 5d0e7d0c", True, REFUSED,
    ),
    FilterDifference(
        "a number for a text attribute", "who leaves the quotes away means the text",
        "externalId sw 5", True, False,
    ),
    FilterDifference(
        "a boolean for a text attribute", "compared as text all the same",
        "userName ne true", True, REFUSED,
    ),
    FilterDifference(
        "an attribute of an extension without its URN", "Entra asks `manager eq`",
        'department eq "sea"', True, REFUSED,
    ),
    FilterDifference(
        "presence of a whole extension", "its URN is a path like any other",
        f"{ENTERPRISE} pr", True, REFUSED,
    ),
    FilterDifference(
        "the order of null", "null has no order, so the comparison is a mistake",
        "userName gt null", REFUSED, False,
    ),
    FilterDifference(
        "a complex attribute without `value`", "a comparison that can never hold is a mistake",
        'name eq "x"', REFUSED, False,
    ),
    FilterDifference(
        "a date without a time", "an xsd:dateTime has a time",
        'meta.created ne "2026-01-30"', REFUSED, True,
    ),
    FilterDifference(
        "parts of a date", "co, sw and ew look at the text that a client sees",
        'meta.created sw "2026"', True, False,
    ),
    FilterDifference(
        "a reference that is no address", "the text is compared, whatever it is",
        'profileUrl ne "x"', True, REFUSED,
    ),
    FilterDifference(
        "an unknown attribute that does not decide", "a mistake is told whatever the user has",
        'title pr and unknown eq "x"', REFUSED, False,
    ),
    FilterDifference(
        "an e-mail that is none", "Microsoft's gallery test writes texts like upd-1 and looks for them",
        'emails.value ne "upd-1"', True, REFUSED,
    ),
    FilterDifference(
        "parts of a binary", "RFC 7644 §3.4.2.2 forbids only its order",
        'x509Certificates.value co "QU"', True, REFUSED,
    ),
    FilterDifference(
        "null in some of the values", "`eq null` is the opposite of `pr`, and one e-mail is primary",
        "emails.primary eq null", False, True,
    ),
]  # fmt: skip


@pytest.mark.parametrize("difference", DIFFERENT_FILTERS, ids=lambda each: each.name)
def test_a_named_difference_of_filters_is_one(difference: FilterDifference) -> None:
    """Each entry of the table is still true of both sides; one that is not has to go."""
    assert (our_match(difference.text, ADA), their_match(difference.text, ADA)) == (difference.ours, difference.theirs)
    assert difference.ours != difference.theirs


texts = st.sampled_from(
    ["a@x.example", "B@x.example", "work", "Home", "", "a", "Å", 'q"uote', "back\\slash", "and", "26"]
)
quoted = texts.map(json.dumps)
dates = st.sampled_from(["2026-01-31T12:00:00Z", "2026-01-31T14:00:00+02:00", "2025-12-31T00:00:00.5Z"]).map(json.dumps)
equality = st.sampled_from(["eq", "ne", "EQ", "Ne"])
order = st.sampled_from(["gt", "ge", "lt", "le"])
anything = st.one_of(equality, order, st.sampled_from(["co", "sw", "ew", "SW"]))
text_attributes = st.sampled_from(
    ["userName", "USERNAME", "displayName", "externalId", "title", "name.givenName", "emails.type",
     f"{ENTERPRISE}:department", f"{ENTERPRISE}:manager.value", f"{CORE}:userName", f"{CORE}:name.givenName"]
)  # fmt: skip
mail_attributes = st.sampled_from(["emails.value", "emails", f"{CORE}:emails.value"])
mails = st.sampled_from(["a@x.example", "B@x.example", "mira@contoso.example"]).map(json.dumps)
comparisons = st.one_of(
    st.tuples(text_attributes, anything, quoted),
    st.tuples(mail_attributes, st.one_of(equality, order), mails),
    st.tuples(mail_attributes, st.sampled_from(["co", "sw", "ew"]), quoted),
    st.tuples(st.sampled_from(["userName", "nickName", "name.givenName"]), equality, st.just("null")),
    st.tuples(st.sampled_from(["active", "emails.primary"]), equality, st.sampled_from(["true", "False"])),
    st.tuples(st.just("meta.created"), st.one_of(equality, order), dates),
    st.tuples(
        st.one_of(text_attributes, st.sampled_from(["active", "emails.primary", "name"])), st.just("pr"), st.just("")
    ),
    st.tuples(st.sampled_from(["active", "emails.primary"]), order, st.just("true")),
).map(lambda parts: " ".join(parts).strip())
inner = st.one_of(
    st.tuples(st.just("type"), anything, quoted),
    st.tuples(st.just("VALUE"), st.one_of(equality, order), mails),
    st.tuples(st.just("value"), st.sampled_from(["co", "sw", "ew"]), quoted),
    st.tuples(st.just("primary"), equality, st.sampled_from(["true", "false"])),
    st.tuples(st.sampled_from(["type", "primary"]), st.just("pr"), st.just("")),
).map(lambda parts: " ".join(parts).strip())


def combined(terms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(terms, st.sampled_from([" and ", " or ", " AND "]), terms).map("".join)
    return st.one_of(pair, pair.map(lambda text: f"({text})"), terms.map(lambda text: f"not ({text})"))


selections = st.one_of(inner, combined(inner))
filters = st.recursive(
    st.one_of(
        comparisons,
        selections.map(lambda text: f"emails[{text}]"),
        st.tuples(selections, mails).map(lambda parts: f"emails[{parts[0]}].value eq {parts[1]}"),
    ),
    combined,
    max_leaves=4,
)
emails = st.lists(
    st.fixed_dictionaries(
        {"value": st.sampled_from(["a@x.example", "B@x.example"])},
        optional={"type": st.sampled_from(["work", "home"])},
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: (each["value"], each.get("type")),
)
managers = st.sampled_from(["26", "27"]).map(lambda it: {"value": it, "$ref": f"https://x.example/Users/{it}"})
users: st.SearchStrategy[Resource] = st.fixed_dictionaries(
    {
        "schemas": st.just([CORE, ENTERPRISE]),
        "id": st.just("x"),
        "userName": st.sampled_from(["a@x.example", "B@x.example", 'q"uote']),
        "meta": st.just({"resourceType": "User", "created": "2026-01-31T12:00:00Z"}),
    },
    optional={
        "displayName": st.sampled_from(["a", "Å", "and"]),
        "active": st.booleans(),
        "name": st.sampled_from([{"givenName": "a"}, {"familyName": "b"}]),
        "emails": st.one_of(emails, emails.map(lambda all_: [{**all_[0], "primary": True}, *all_[1:]])),
        ENTERPRISE: st.fixed_dictionaries({"department": st.sampled_from(["a", "26"])}, optional={"manager": managers}),
    },
)


@examples(250)
@given(users, filters)
def test_filters_select_the_same_users(user: Resource, text: str) -> None:
    """Well-typed filters match alike on every user, or are refused alike."""
    assert our_match(text, user) == their_match(text, user)


STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
UNQUOTED = re.compile(r"\b(?:eq|ne|co|sw|ew|gt|ge|lt|le)\s+(?!true\b|false\b|null\b)[^\s()\[\]]", re.IGNORECASE)
marks = st.sampled_from(["", "(", ")", " ", '"', ".", "[", "]", "x", "\\", "or "])
edits = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 2), marks),
    min_size=1,
    max_size=2,
)  # fmt: skip


def edited(text: str, changes: list[tuple[int, int, str]]) -> str:
    for place, cut, put in changes:
        at = place % (len(text) + 1)
        text = text[:at] + put + text[at + cut :]
    return text


def is_named(text: str, before: str) -> bool:
    """Whether a text has a form of DIFFERENT_FILTERS that an edit can make."""
    new_strings = set(STRING.findall(text)) - set(STRING.findall(before))
    return bool(UNQUOTED.search(STRING.sub("", text)) or (new_strings and "emails" in text))


def is_grammatical(text: str) -> bool:
    try:
        return bool(parse_filter(text))
    except ScimError:
        return False


@examples(250)
@given(filters, edits)
def test_broken_filters_are_refused_alike(text: str, changes: list[tuple[int, int, str]]) -> None:
    """A character put in or taken away makes another filter or none, for both.

    An unknown attribute is left out: scim2-models refuses it only where it decides.
    """
    broken = edited(text, changes)
    if is_named(broken, text):
        return
    ours, theirs = our_match(broken, ADA), their_match(broken, ADA)
    assert ours == theirs or (ours == REFUSED and is_grammatical(broken))


@pytest.mark.parametrize("text", ['unknown eq "x"', "name.unknown pr", 'urn:x:y:z eq "x"', 'emails[unknown eq "x"]'])
def test_unknown_attributes_are_refused_alike(text: str) -> None:
    """A filter of nothing else is refused by both."""
    assert our_match(text, ADA) == their_match(text, ADA) == REFUSED


# --- PATCH -----------------------------------------------------------------------------------------------------------

Outcome = Resource | str


def stated(resource: Resource) -> Resource:
    """Return what a resource says, without what differs by name: empty values and labels that are not primary."""
    said = {
        name: item for name, item in resource.items() if name not in ("schemas", "id", "meta") and item not in ({}, [])
    }
    if "emails" in said:
        said["emails"] = [each for each in said["emails"] if "value" in each or each.get("primary")]
    return {name: item for name, item in said.items() if item != []}


def our_patch(user: Resource, operations: list[dict[str, Any]]) -> Outcome:
    try:
        return stated(apply(USER, user, patch_operations({"Operations": operations})).resource)
    except ScimError:
        return REFUSED


def their_patch(user: Resource, operations: list[dict[str, Any]]) -> Outcome:
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
    with AS_ENTRA_NEEDS:
        resource = Models.model_validate(copy.deepcopy(user))
        try:
            message = ModelsPatch.model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
            message.patch(resource)
        except (SCIMException, ValueError):
            return REFUSED
        return stated(json.loads(resource.model_dump_json(scim_ctx=Context.DEFAULT)))


@dataclass(frozen=True)
class PatchDifference:
    name: str
    reason: str
    user: Resource
    operations: list[dict[str, Any]]
    ours: Outcome
    theirs: Outcome


NAMED: Resource = {"userName": "a", "title": "T"}
MAILED: Resource = {"userName": "a", "emails": [{"value": "a@x.example", "type": "work", "primary": True}]}
LED: Resource = {"userName": "a", ENTERPRISE: {"manager": {"value": "26", "$ref": "https://x.example/Users/26"}}}


def write(path: str | None, value: Any, op: str = "replace") -> dict[str, Any]:
    return {"op": op, "path": path, "value": value} if path else {"op": op, "value": value}


DIFFERENT_PATCHES = [
    PatchDifference(
        "an empty string", "Microsoft's gallery test clears with it",
        NAMED, [write("title", "")], {"userName": "a"}, {"userName": "a", "title": ""},
    ),
    PatchDifference(
        "add of null", "null is no value, so nothing is added or the value is cleared; no user fails over it",
        NAMED, [write("title", None, "add")], {"userName": "a"}, REFUSED,
    ),
    PatchDifference(
        "a key with brackets in a value without path", "the key is a path like any other",
        MAILED, [write(None, {'emails[type eq "work"].value': "b@x.example"})],
        {"userName": "a", "emails": [{"value": "b@x.example", "type": "work", "primary": True}]}, MAILED,
    ),
    PatchDifference(
        "a list of one object for a complex attribute", "Microsoft's page shows the manager so",
        NAMED, [write("name", [{"givenName": "a"}])], {**NAMED, "name": {"givenName": "a"}}, REFUSED,
    ),
    PatchDifference(
        "a bare id for the manager", "Microsoft's gallery test sends it",
        NAMED, [write(f"{ENTERPRISE}:manager", "26")], {**NAMED, ENTERPRISE: {"manager": {"value": "26"}}}, REFUSED,
    ),
    PatchDifference(
        "an attribute of an extension without its URN", "Microsoft's page shows path `manager`",
        NAMED, [write("department", "Sea")], {**NAMED, ENTERPRISE: {"department": "Sea"}}, NAMED,
    ),
    PatchDifference(
        "a value added again with more to say",
        "`value` and `type` tell which e-mail it is; a second one alike would be a duplicate",
        MAILED, [write("emails", [{"value": "a@x.example", "type": "work", "primary": False}], "add")],
        {"userName": "a", "emails": [{"value": "a@x.example", "type": "work", "primary": False}]},
        {"userName": "a", "emails": [*MAILED["emails"], {"value": "a@x.example", "type": "work", "primary": False}]},
    ),
    PatchDifference(
        "a selected value that is replaced",
        "RFC 7644 §3.5.2.3: matching values are replaced, so what is left out goes; what the filter said stays",
        MAILED, [write('emails[type eq "work"]', {"value": "b@x.example"})],
        {"userName": "a", "emails": [{"value": "b@x.example", "type": "work"}]},
        {"userName": "a", "emails": [{"value": "b@x.example", "type": "work", "primary": True}]},
    ),
    PatchDifference(
        "a label that is to be primary", "an e-mail that never comes takes nothing from the others",
        MAILED, [write('emails[type eq "home"].primary', True, "add")], MAILED,
        {"userName": "a",
         "emails": [{**MAILED["emails"][0], "primary": False}, {"type": "home", "primary": True}]},
    ),
    PatchDifference(
        "a reference to the manager before", "it leads to somebody else than `value` says",
        LED, [write(f"{ENTERPRISE}:manager", {"value": "27"})],
        {"userName": "a", ENTERPRISE: {"manager": {"value": "27"}}},
        {"userName": "a", ENTERPRISE: {"manager": {"value": "27", "$ref": "https://x.example/Users/26"}}},
    ),
    PatchDifference(
        "an e-mail that is none", "Microsoft's gallery test writes texts like upd-1 and reads them back",
        NAMED, [write("emails", [{"value": "upd-1"}])], {**NAMED, "emails": [{"value": "upd-1"}]}, REFUSED,
    ),
    PatchDifference(
        "a canonical value in another case", "values are stored as they were sent",
        NAMED, [write("emails", [{"value": "a@x.example", "type": "WORK"}])],
        {**NAMED, "emails": [{"value": "a@x.example", "type": "WORK"}]},
        {**NAMED, "emails": [{"value": "a@x.example", "type": "work"}]},
    ),
    PatchDifference(
        "remove with a value that is not the stored one", "the path names the target; Entra repeats old values",
        NAMED, [write("title", "other", "remove")], {"userName": "a"}, REFUSED,
    ),
    PatchDifference(
        "the required sub-attributes of the manager", "Entra sends the id alone",
        LED, [{"op": "remove", "path": f"{ENTERPRISE}:manager.$ref"}],
        {"userName": "a", ENTERPRISE: {"manager": {"value": "26"}}}, REFUSED,
    ),
    PatchDifference(
        "whether a user is active, taken away", "who reads its absence as true would let somebody in",
        {**NAMED, "active": False}, [{"op": "remove", "path": "active"}], REFUSED, NAMED,
    ),
    PatchDifference(
        "a required attribute that comes back", "the resource is judged when all operations are done",
        NAMED, [{"op": "remove", "path": "userName"}, write("userName", "b")], {**NAMED, "userName": "b"}, REFUSED,
    ),
]  # fmt: skip


@pytest.mark.parametrize("difference", DIFFERENT_PATCHES, ids=lambda each: each.name)
def test_a_named_difference_of_patches_is_one(difference: PatchDifference) -> None:
    """Each entry of the table is still true of both sides; one that is not has to go."""
    user = {"schemas": [CORE, ENTERPRISE], **difference.user}
    assert our_patch(user, difference.operations) == difference.ours
    assert their_patch(user, difference.operations) == difference.theirs
    assert difference.ours != difference.theirs


def test_labels_alone_are_a_named_difference_too() -> None:
    """An e-mail with a type and nothing else is kept by scim2-models, and is no e-mail here."""
    user = {"schemas": [CORE], "userName": "a"}
    with AS_ENTRA_NEEDS:
        resource = Models.model_validate(user)
        body = {"op": "add", "path": 'emails[type eq "work"].primary', "value": True}
        ModelsPatch.model_validate({"Operations": [body]}).patch(resource)
    assert resource.emails
    assert "emails" not in apply(USER, user, patch_operations({"Operations": [body]})).resource


addresses_of_mail = st.sampled_from(["a@x.example", "B@x.example", "c@x.example"])
mail_filters = st.sampled_from(
    ['type eq "work"', "primary eq true", 'value eq "a@x.example"', 'type eq "work" and primary eq true',
     'type ne "work"', 'not (type eq "work")', 'value co "@"', 'type eq "work" or type eq "home"', "type pr"]
)  # fmt: skip
whole_mail = st.fixed_dictionaries(
    {"value": addresses_of_mail, "type": st.sampled_from(["work", "home"]), "primary": st.just(False)}
)
new_mails = st.lists(
    st.sampled_from(["n1", "n2", "n3"]).map(lambda name: {"value": f"{name}@x.example", "type": "other"}),
    max_size=2,
    unique_by=lambda each: each["value"],
)
names = st.dictionaries(st.sampled_from(["givenName", "familyName"]), st.sampled_from(["a", "b"]), min_size=1)


def at(path: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.just(path), values)


plain = st.one_of(
    at("displayName", st.sampled_from(["a", "b"])),
    at("USERNAME", st.sampled_from(["u", "v"])),
    at("active", st.sampled_from([True, False, "True", "false"])),
    at("name.givenName", st.sampled_from(["a", "b"])),
    at("name", names),
    at("emails", new_mails),
    at("emails", new_mails),  # twice, since lists have the most ways to differ
    at(f"{ENTERPRISE}:department", st.sampled_from(["a", "b"])),
    at(f"{ENTERPRISE}:manager", managers),
    at(ENTERPRISE, st.just({"costCenter": "9"})),
    at("roles", st.just([{"value": "r"}])),
    at("unknown", st.just("x")),
    at("name.unknown", st.just("x")),
)
selected = st.one_of(
    st.tuples(mail_filters.map(lambda text: f"emails[{text}].value"), addresses_of_mail),
    st.tuples(mail_filters.map(lambda text: f"emails[{text}].type"), st.sampled_from(["work", "home"])),
    st.tuples(mail_filters.map(lambda text: f"emails[{text}].primary"), st.booleans()),
    st.tuples(mail_filters.map(lambda text: f"emails[{text}]"), whole_mail),
)
removable = plain.filter(lambda target: target[0] not in ("USERNAME", "active"))
writes = st.sampled_from(["add", "replace", "Add"])
operations = st.one_of(
    st.builds(lambda op, target: write(target[0], target[1], op), writes, st.one_of(plain, selected)),
    st.builds(lambda op, parts: write(None, dict(parts), op), writes, st.lists(plain, min_size=1, max_size=3)),
    st.builds(lambda target: {"op": "remove", "path": target[0]}, st.one_of(removable, selected)),
    st.sampled_from(
        [
            {"op": "remove"},
            {"op": "move", "path": "title"},
            write("emails[", "x"),
            write("active", "maybe"),
            write("groups", [{"value": "g"}], "add"),
            {"op": "remove", "path": "emails", "value": [{"value": "a@x.example"}]},
            {"op": "remove", "path": "emails", "value": []},
        ]
    ),
)


@examples(500)
@given(users, st.lists(operations, min_size=1, max_size=2))
def test_patches_make_the_same_user(user: Resource, body: list[dict[str, Any]]) -> None:
    """Operations that mean the same to both sides give the same resource, or are refused by both."""
    theirs = their_patch(user, body)
    assume(isinstance(theirs, str) or all("value" in each for each in theirs.get("emails", [])))
    assert our_patch(user, body) == theirs
