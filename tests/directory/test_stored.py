"""Resources as they are stored: their versions, names, look-ups, and what a client sees."""

from typing import Any

import pytest

from scim.directory import keys
from scim.directory.stored import MAX_DERIVED, Edge, Kind, Stored, etag, kinds
from scim.protocol.errors import InvalidValue, PreconditionFailed
from scim.protocol.schema import load_schemas
from scim.storage.rows import Delete, Insert, Row

ID = "0" * 32
FILTERABLE = ("externalId", "emails.value", "active", "members.value", "meta.created", "manager.value")
SCHEMAS = load_schemas(None)


@pytest.fixture(scope="module")
def user() -> Kind:
    """Users with look-ups of several types."""
    return kinds(SCHEMAS, FILTERABLE)["User"]


@pytest.fixture(scope="module")
def group() -> Kind:
    """Groups with the same settings."""
    return kinds(SCHEMAS, FILTERABLE)["Group"]


def stored(kind: Kind, mark: str = "1", **document: Any) -> Stored:
    return Stored(kind, ID, document, "the store's own version", "2026-01-31T12:00:00.000Z", mark=mark)


def test_unique_attributes_come_from_the_schema(user: Kind, group: Kind) -> None:
    """The id is unique by itself and has no name row."""
    assert list(user.unique) == ["userName"]
    assert list(group.unique) == ["displayName"]


def test_what_has_one_plain_value_can_be_looked_up(user: Kind, group: Kind) -> None:
    """Read-only attributes cannot, memberships have rows of their own, unique ones have names."""
    assert list(group.filterable) == ["externalId"]
    assert set(user.filterable) >= {"externalId", "emails.value", "active"}
    assert not {"meta.created", "members.value", "userName"} & set(user.filterable)
    assert not kinds(SCHEMAS, ("userName",))["User"].filterable


def test_an_attribute_that_nothing_has_is_told() -> None:
    """A misspelt setting must not silently make filters slow."""
    with pytest.raises(ValueError, match=r"emails\.valeu"):
        kinds(SCHEMAS, ("emails.valeu",))


def test_each_value_has_a_look_up_in_the_form_in_which_it_is_compared(user: Kind) -> None:
    """Equal values have one row; absent ones none; letter case counts where the schema says so."""
    document = {
        "externalId": "X",
        "emails": [{"value": "A@contoso.example"}, {"value": "a@Contoso.example"}, {"type": "work"}],
        "active": True,
    }
    assert user.look_ups(ID, document) == {
        keys.look_up("u", "externalId", "X", ID),
        keys.look_up("u", "emails.value", "a@contoso.example", ID),
        keys.look_up("u", "active", "True", ID),
    }
    assert user.look_ups(ID, {}) == set()


def test_only_what_differs_is_written(user: Kind) -> None:
    """Rows of values that stay are left alone."""
    before = {"externalId": "1", "emails": [{"value": "a"}, {"value": "b"}]}
    after = {"externalId": "2", "emails": [{"value": "b"}, {"value": "A"}]}
    assert user.look_up_changes(ID, before, after) == [
        Delete(keys.look_up("u", "externalId", "1", ID)),
        Insert(keys.look_up("u", "externalId", "2", ID), ""),
    ]
    assert user.look_up_changes(ID, before, before) == []


def test_values_may_become_fewer_and_never_too_many(user: Kind) -> None:
    """The limit is for what is added: the name counts, since it lies in the same transaction."""
    most = MAX_DERIVED - 1

    def document(count: int) -> dict[str, Any]:
        return {"userName": "u", "emails": [{"value": str(number)} for number in range(count)]}

    assert len(user.look_up_changes(ID, {}, document(most))) == most
    with pytest.raises(InvalidValue, match=f"at most {most}"):
        user.look_up_changes(ID, {}, document(most + 1))
    with pytest.raises(InvalidValue):
        user.look_up_changes(ID, document(most + 5), document(most + 6))
    assert len(user.look_up_changes(ID, document(most + 20), document(most + 5))) == 15
    assert user.look_up_changes(ID, document(99), document(99)) == []


def test_an_entity_tag_is_weak_and_tells_commits_apart(user: Kind) -> None:
    """It shows nothing of the store's own version, and is known to whoever makes the commit."""
    one, other = stored(user, mark="1"), stored(user, mark="2")
    assert one.etag != other.etag
    assert one.etag == stored(user, mark="1", title="x").etag == etag("1") == 'W/"1"'


@pytest.mark.parametrize("form", ["{}", "*", '"other", {}', '{} , W/"x"'])
def test_a_version_is_named_in_several_ways(user: Kind, form: str) -> None:
    """Alone, in a list, or by a star."""
    one = stored(user)
    one.check_version(form.format(one.etag))
    one.check_version(form.format(one.etag.removeprefix("W/")))
    one.check_version(None)
    with pytest.raises(PreconditionFailed, match=one.etag.removeprefix("W/")):
        one.check_version('W/"other"')


def test_a_client_sees_the_document_with_what_is_known_beside_it(user: Kind, group: Kind) -> None:
    """meta, schemas, memberships with addresses; the stored document stays as it is."""
    one = stored(user, userName="mira", meta={"created": "2026-01-01T00:00:00.000Z"})
    seen = one.with_edges([Edge("1" * 32, "g")]).resource("https://x/scim/v2")
    assert seen["meta"]["created"] == "2026-01-01T00:00:00.000Z"
    assert seen["meta"]["lastModified"] == "2026-01-31T12:00:00.000Z"
    assert seen["meta"]["location"] == f"https://x/scim/v2/Users/{ID}"
    assert seen["groups"] == [{"value": "1" * 32, "$ref": f"https://x/scim/v2/Groups/{'1' * 32}", "type": "direct"}]
    assert one.document == {"userName": "mira", "meta": {"created": "2026-01-01T00:00:00.000Z"}}
    crew = stored(group).with_edges([Edge("1" * 32, "u"), Edge("2" * 32, "g")]).resource("")
    assert [(each["type"], each["$ref"][:7]) for each in crew["members"]] == [("User", "/Users/"), ("Group", "/Groups")]


def test_a_row_is_read_as_a_resource(user: Kind) -> None:
    """Its id is the last part of the key."""
    read = Stored.from_row(user, Row(f"u.{ID}", '{"userName":"mira","active":false}', "7", "t", "mark"))
    mira = {"userName": "mira", "active": False}
    assert (read.id, read.document, read.version, read.modified) == (ID, mira, "7", "t")
    assert read.etag == 'W/"mark"'


def test_a_row_that_does_not_say_whether_its_user_is_active_is_that_of_an_active_one(user: Kind, group: Kind) -> None:
    """Rows of early versions may lack it, and who is in must not depend on who reads; groups have no such thing."""
    assert Stored.from_row(user, Row(f"u.{ID}", '{"userName":"mira"}', "7", "t")).document["active"] is True
    crew = Stored.from_row(group, Row(f"g.{ID}", '{"displayName":"Crew"}', "7", "t"))
    assert crew.document == {"displayName": "Crew"}
