"""The keys of rows: what they tell apart, how they sort, and that they stay as they are."""

import random

import pytest

from scim.directory import keys
from scim.protocol.resource import fold
from scim.storage.rows import MAX_KEY, is_key

ID, OTHER = "0123456789abcdef" * 2, "f" * 32
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.mark.parametrize("text", [ID, OTHER, "0" * 32])
def test_32_small_hexadecimal_digits_are_an_id(text: str) -> None:
    """As the service makes them."""
    assert keys.is_id(text)


@pytest.mark.parametrize(
    "text", ["", ID[:-1], ID + "0", ID.upper(), "g" * 32, ID[:-1] + "\n", ID[:-1] + "٣", "../" * 8]
)
def test_anything_else_is_none(text: str) -> None:
    """Ids come from URLs and bodies; what is none never becomes part of a key."""
    assert not keys.is_id(text)


def test_keys_are_what_they_have_always_been() -> None:
    """Rows are found by them, so that another form would lose a tenant: never change this test."""
    assert keys.resource("u", ID) == f"u.{ID}"
    assert keys.name("u", "userName", "mira") == "n.u.username.3c38aafb0579dafe18bb584dce2786ccaab68352"
    assert keys.look_up("g", "externalId", "X", ID) == f"x.g.externalid.4b68ab3847feda7d6c62c1fbcbeebfa35eab7351.{ID}"
    assert (
        keys.look_up("u", f"{ENTERPRISE}:manager.value", ID, OTHER)
        == f"x.u.009e4b75.manager.value.3eb1bd439947eb762998e566ccc2e099c791118b.{OTHER}"
    )
    assert keys.member(ID, OTHER) == f"m.{ID}.{OTHER}"
    assert keys.membership(OTHER, ID) == f"r.{OTHER}.{ID}"
    assert keys.count("u", ID) == "c.u.01"
    assert keys.change(1_769_860_800_000, ID) == f"e.019c13ec9e00.{ID}"
    assert keys.tombstone(ID) == f"t.{ID}"
    assert keys.making(ID) == f"t.{ID}.new"


def test_every_key_can_be_a_row_s() -> None:
    """In each store, whatever the value is: it is hashed."""
    values = ["", "a/b?c#d%", "\x00\n", "漢字" * 5_000, "\ud83d", "~"]
    made = [keys.name("u", "userName", value) for value in values]
    made += [keys.look_up("u", f"{ENTERPRISE}:employeeNumber", value, ID) for value in values]
    assert len(set(made)) == len(made)
    assert all(is_key(key) and len(key) < MAX_KEY / 2 and key < "~" for key in made)


def test_what_a_prefix_stands_for_begins_with_it_and_nothing_else_does() -> None:
    """Ranges are read between a prefix and the prefix with BEYOND."""
    value = keys.look_ups("u", "emails.value", "a")
    assert keys.look_up("u", "emails.value", "a", ID).startswith(value)
    assert value.startswith(keys.all_look_ups("u", "emails.value"))
    assert not keys.look_ups("u", "emails.value", "a").startswith(keys.all_look_ups("u", "emails.type"))
    assert not keys.look_ups("u", "externalIdOld", "a").startswith(keys.all_look_ups("u", "externalId"))
    assert not keys.look_ups("g", "externalId", "a").startswith(keys.all_look_ups("u", "externalId"))
    assert keys.member(ID, OTHER).startswith(keys.member(ID))
    assert keys.membership(ID, OTHER).startswith(keys.membership(ID))
    assert all(prefix < f"{prefix}{ID}" < prefix + keys.BEYOND for prefix in (value, keys.member(ID), keys.counts("u")))


def test_attributes_of_extensions_do_not_meet_core_ones_or_each_other() -> None:
    """Their URNs have characters that keys do not, so a hash stands for each; letter case does not matter."""
    core, one = keys.all_look_ups("u", "department"), keys.all_look_ups("u", f"{ENTERPRISE}:department")
    other = keys.all_look_ups("u", "urn:example:User:department")
    assert len({core, one, other}) == 3
    assert keys.all_look_ups("u", f"{ENTERPRISE.upper()}:Department") == one


def test_changes_sort_by_time() -> None:
    """In milliseconds, up to the year 10889, whatever the random part is."""
    choice = random.Random(1)
    times = sorted({choice.randrange(16**12) for _ in range(200)} | {0, 16**12 - 1})
    made = [keys.change(time, f"{choice.getrandbits(128):032x}") for time in times]
    assert made == sorted(made)


def test_an_id_is_read_from_both_kinds_of_tombstones() -> None:
    """Of the deleted, and of groups in the making."""
    assert keys.entombed(keys.tombstone(ID)) == ID == keys.entombed(keys.making(ID))
    assert keys.making(ID).startswith(keys.tombstone())


@pytest.mark.parametrize(
    ("one", "other"),
    [("MIRA", "mira"), ("Straße", "STRASSE"), ("ﬁn", "FIN"), ("Ｍｉｒａ", "mira"), ("É", "e\u0301"), ("İ", "i\u0307")],
)
def test_names_that_differ_in_case_or_form_only_are_one(one: str, other: str) -> None:
    """The form is frozen as version 1: keys are made from it."""
    assert keys.name("u", "userName", fold(one)) == keys.name("u", "userName", fold(other))
