"""The rules of the storage protocol as tests; the tests of each store inherit them."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from scim.protocol.errors import InvalidValue, PayloadTooLarge
from scim.storage.rows import (
    MAX_BODY_BYTES,
    MAX_CHANGES,
    MAX_COMMIT_BYTES,
    MAX_KEY,
    Delete,
    Insert,
    Replace,
    Row,
    RowChange,
    RowConflict,
    Rows,
    Touch,
)

END = "~"
"""A bound after all keys that these tests use."""
BEFORE = "2026-11-24T08:00:00.000Z"
NOW = "2026-11-24T09:30:00.123Z"


async def everything(rows: Rows, partition: str = "t") -> list[Row]:
    return await rows.range(partition, "", END, 10_000)


async def the_row(rows: Rows, key: str, partition: str = "t") -> Row:
    row = await rows.read(partition, key)
    assert row is not None
    return row


class RowsContract:
    """Subclasses give the fixture `rows`: an empty store, closed after the test."""

    random_commits = 1_000

    async def test_an_inserted_row_is_read_as_it_was_written(self, rows: Rows) -> None:
        """Key, body and modified come back, with the version that the commit returned."""
        [version] = await rows.commit("t", [Insert("a", '{"x": 1}', NOW)])
        assert version
        assert (await the_row(rows, "a"))[:4] == ("a", '{"x": 1}', version, NOW)

    async def test_a_row_without_body_and_modified_is_a_row(self, rows: Rows) -> None:
        """Empty texts are kept as empty texts; index rows are like that."""
        [version] = await rows.commit("t", [Insert("a", "")])
        assert (await the_row(rows, "a"))[:4] == ("a", "", version, "")
        assert [row[:4] for row in await everything(rows)] == [("a", "", version, "")]

    async def test_what_is_not_there_is_none(self, rows: Rows) -> None:
        """A missing key, a missing partition and an empty range are no errors."""
        await rows.commit("t", [Insert("a", "")])
        assert await rows.read("t", "b") is None
        assert await rows.read("other", "a") is None
        assert await rows.range("other", "", END, 10) == []

    @pytest.mark.parametrize("key", ["", "a/b", "a?b", "a#b", "a\\b", "a b", "a%2Fb", "ä", "a\x00b", "k" * 2_000])
    async def test_a_key_that_cannot_be_written_is_not_there(self, rows: Rows, key: str) -> None:
        """Ids come from URLs: reading one that no row can have gives None, and no error of the store."""
        assert await rows.read("t", key) is None

    async def test_partitions_are_apart(self, rows: Rows) -> None:
        """The same key lives in two partitions without knowing of the other."""
        await rows.commit("one", [Insert("a", "1")])
        await rows.commit("two", [Insert("a", "2")])
        await rows.commit("one", [Delete("a")])
        assert (await the_row(rows, "a", "two")).body == "2"
        assert await everything(rows, "one") == []

    async def test_keys_and_partitions_are_case_sensitive(self, rows: Rows) -> None:
        """Two keys that differ in case only are two rows."""
        await rows.commit("t", [Insert("a", "lower"), Insert("A", "upper")])
        assert (await the_row(rows, "A")).body == "upper"
        assert await rows.read("T", "a") is None

    # Conflicts

    async def test_an_insert_conflicts_with_a_row(self, rows: Rows) -> None:
        """A key that is taken stays as it is."""
        await rows.commit("t", [Insert("a", "first")])
        with pytest.raises(RowConflict):
            await rows.commit("t", [Insert("a", "second")])
        assert (await the_row(rows, "a")).body == "first"

    async def test_a_replace_needs_the_version(self, rows: Rows) -> None:
        """Only the version that is current lets a row be replaced."""
        [old] = await rows.commit("t", [Insert("a", "1", BEFORE)])
        [new] = await rows.commit("t", [Replace("a", "2", old, NOW)])
        assert new != old
        with pytest.raises(RowConflict):
            await rows.commit("t", [Replace("a", "3", old)])
        assert (await the_row(rows, "a"))[:4] == ("a", "2", new, NOW)

    async def test_a_replace_leaves_nothing_of_the_old_row(self, rows: Rows) -> None:
        """A shorter body and a missing modified are not mixed with what was there."""
        [version] = await rows.commit("t", [Insert("a", "long" * 20_000, BEFORE)])
        [version] = await rows.commit("t", [Replace("a", "short", version)])
        assert (await the_row(rows, "a"))[:4] == ("a", "short", version, "")

    async def test_a_replace_conflicts_when_the_row_is_gone(self, rows: Rows) -> None:
        """A version does not outlive its row."""
        [version] = await rows.commit("t", [Insert("a", "1")])
        await rows.commit("t", [Delete("a")])
        with pytest.raises(RowConflict):
            await rows.commit("t", [Replace("a", "2", version)])
        assert await everything(rows) == []

    async def test_a_delete_with_a_version_needs_it(self, rows: Rows) -> None:
        """A row that was changed since is not deleted."""
        [old] = await rows.commit("t", [Insert("a", "1")])
        [new] = await rows.commit("t", [Replace("a", "2", old)])
        with pytest.raises(RowConflict):
            await rows.commit("t", [Delete("a", old)])
        assert await rows.commit("t", [Delete("a", new)]) == [""]
        assert await rows.read("t", "a") is None

    @pytest.mark.parametrize("change", [Delete("b"), Touch("b"), Touch("b", NOW)])
    async def test_a_change_conflicts_when_the_row_is_not_there(self, rows: Rows, change: RowChange) -> None:
        """Deletes and touches name rows that exist."""
        await rows.commit("t", [Insert("a", "1")])
        with pytest.raises(RowConflict):
            await rows.commit("t", [change])
        assert [row.key for row in await everything(rows)] == ["a"]

    @pytest.mark.parametrize("position", [0, 2, 4])
    async def test_a_commit_is_all_or_nothing(self, rows: Rows, position: int) -> None:
        """One change that conflicts, wherever it stands, undoes the others."""
        kept, gone, touched = await rows.commit(
            "t", [Insert("kept", "1", BEFORE), Insert("gone", "1"), Insert("touched", "1", BEFORE)]
        )
        before = await everything(rows)
        changes: list[RowChange] = [
            Replace("kept", "2", kept, NOW),
            Delete("gone", gone),
            Touch("touched", NOW),
            Insert("new", ""),
        ]
        with pytest.raises(RowConflict):
            await rows.commit("t", [*changes[:position], Delete("missing"), *changes[position:]])
        assert await everything(rows) == before
        await rows.commit("t", changes)
        assert [(row.key, row.body, row.modified) for row in await everything(rows)] == [
            ("kept", "2", NOW),
            ("new", "", ""),
            ("touched", "1", NOW),
        ]
        assert touched != (await the_row(rows, "touched")).version

    # Versions and touches

    async def test_versions_are_returned_in_the_order_of_the_changes(self, rows: Rows) -> None:
        """Each changed row has the returned version; a deleted one has an empty text there."""
        await rows.commit("t", [Insert("c", "1"), Insert("b", "1")])
        versions = await rows.commit("t", [Insert("z", ""), Delete("c"), Touch("b"), Insert("a", "")])
        found = {row.key: row.version for row in await everything(rows)}
        assert versions == [found["z"], "", found["b"], found["a"]]

    async def test_a_touch_changes_the_version_and_keeps_the_body(self, rows: Rows) -> None:
        """With a time, `modified` becomes that time; without, it stays."""
        [first] = await rows.commit("t", [Insert("a", "body", BEFORE)])
        [second] = await rows.commit("t", [Touch("a")])
        assert (await the_row(rows, "a"))[:4] == ("a", "body", second, BEFORE)
        [third] = await rows.commit("t", [Touch("a", NOW)])
        assert (await the_row(rows, "a"))[:4] == ("a", "body", third, NOW)
        assert len({first, second, third}) == 3
        with pytest.raises(RowConflict):
            await rows.commit("t", [Replace("a", "lost", first)])

    async def test_a_version_never_comes_back(self, rows: Rows) -> None:
        """Also not after the row was deleted and inserted again with the same content."""
        seen: list[str] = []
        for _ in range(5):
            seen += await rows.commit("t", [Insert("a", "same", NOW)])
            seen += await rows.commit("t", [Touch("a", NOW)])
            seen += await rows.commit("t", [Replace("a", "same", seen[-1], NOW)])
            await rows.commit("t", [Delete("a")])
        assert len(set(seen)) == len(seen) == 15

    async def test_touches_at_once_do_not_conflict(self, rows: Rows) -> None:
        """Parallel writers share a parent row: all of their own rows are there at the end."""
        await rows.commit("t", [Insert("parent", "body", BEFORE)])
        versions = await asyncio.gather(
            *(rows.commit("t", [Touch("parent", NOW), Insert(f"child{n}", "")]) for n in range(10))
        )
        assert len({version for version, _ in versions}) == 10
        assert len(await everything(rows)) == 11
        assert (await the_row(rows, "parent"))[:2] == ("parent", "body")

    # Several at once

    async def test_of_inserts_at_once_one_wins(self, rows: Rows) -> None:
        """A unique name is given once, and the row belongs to whom it was acknowledged."""
        answers = await asyncio.gather(
            *(rows.commit("t", [Insert("name", str(n)), Insert(f"doc{n}", "")]) for n in range(10)),
            return_exceptions=True,
        )
        [winner] = [n for n, answer in enumerate(answers) if not isinstance(answer, BaseException)]
        assert {type(answer) for answer in answers} == {list, RowConflict}
        assert [(row.key, row.body) for row in await everything(rows)] == [(f"doc{winner}", ""), ("name", str(winner))]

    async def test_of_replaces_at_once_one_wins(self, rows: Rows) -> None:
        """The others saw a version that is no longer current."""
        [version] = await rows.commit("t", [Insert("a", "0")])
        answers = await asyncio.gather(
            *(rows.commit("t", [Replace("a", str(n), version)]) for n in range(1, 11)), return_exceptions=True
        )
        [winner] = [n for n, answer in enumerate(answers, 1) if not isinstance(answer, BaseException)]
        assert [type(answer) for answer in answers].count(RowConflict) == 9
        assert (await the_row(rows, "a")).body == str(winner)

    async def test_no_increment_is_lost(self, rows: Rows) -> None:
        """Writers that read, add one and replace until they win count to their number."""
        await rows.commit("t", [Insert("count", "0")])

        async def add() -> None:
            while True:
                row = await the_row(rows, "count")
                try:
                    await rows.commit("t", [Replace("count", str(int(row.body) + 1), row.version)])
                except RowConflict:
                    continue
                return

        await asyncio.gather(*(add() for _ in range(8)))
        assert (await the_row(rows, "count")).body == "8"

    # Ranges

    async def test_rows_come_in_the_order_of_their_bytes(self, rows: Rows) -> None:
        """Digits, then upper case, then lower case; `.` before all of them."""
        keys = ["u.ff", "u.0a", "u..", "u.A", "U.a", "u.a", "u.Z", "u.0", "u.a.b", "u-a", "u.a-b", "u~"]
        await rows.commit("t", [Insert(key, "") for key in keys])
        assert [row.key for row in await rows.range("t", "", "~~", 100)] == sorted(keys, key=str.encode)

    async def test_bounds_are_exclusive(self, rows: Rows) -> None:
        """Neither the row at `after` nor the one at `before` is returned, and bounds need not be rows."""
        await rows.commit("t", [Insert(key, "") for key in ("a", "b", "c", "d")])
        assert [row.key for row in await rows.range("t", "a", "d", 10)] == ["b", "c"]
        assert [row.key for row in await rows.range("t", "a0", "c0", 10)] == ["b", "c"]
        assert await rows.range("t", "b", "c", 10) == []
        assert await rows.range("t", "c", "b", 10) == []

    async def test_bounds_may_have_characters_that_keys_may_not(self, rows: Rows) -> None:
        """`/` follows `.`, so "u/" is the end of what begins with "u."; quotes and @ are only text."""
        await rows.commit("t", [Insert(key, "") for key in ("t.1", "u.1", "u.2", "v.1", "x'y", "x@z")])
        assert [row.key for row in await rows.range("t", "u.", "u/", 10)] == ["u.1", "u.2"]
        assert [row.key for row in await rows.range("t", "x' or RowKey gt '", "x @b #?&+%41é", 10)] == []
        assert [row.key for row in await rows.range("t", "x&", "x@\uffff", 10)] == ["x'y", "x@z"]

    async def test_the_limit_takes_the_first_rows(self, rows: Rows) -> None:
        """Fewer rows than the limit mean that there are no more."""
        await rows.commit("t", [Insert(f"k{n}", "") for n in range(7)])
        assert [row.key for row in await rows.range("t", "", END, 3)] == ["k0", "k1", "k2"]
        assert len(await rows.range("t", "", END, 7)) == 7
        assert len(await rows.range("t", "", END, 8)) == 7
        assert await rows.range("t", "", END, 0) == []

    async def test_keys_only_leaves_the_bodies_out(self, rows: Rows) -> None:
        """Keys, versions and times are those of the rows."""
        await rows.commit("t", [Insert("a", "body", NOW), Insert("b", "body")])
        full = await everything(rows)
        assert await rows.range("t", "", END, 10, keys_only=True) == [row._replace(body="") for row in full]

    async def test_a_range_longer_than_a_page_is_whole(self, rows: Rows) -> None:
        """The store's own pages, of 1,000 rows, do not show."""
        keys = [f"k{n:04}" for n in range(1_100)]
        for start in range(0, len(keys), MAX_CHANGES):
            await rows.commit("t", [Insert(key, "") for key in keys[start : start + MAX_CHANGES]])
        assert [row.key for row in await rows.range("t", "", END, 5_000, keys_only=True)] == keys
        assert [row.key for row in await rows.range("t", "k0000", END, 1_050, keys_only=True)] == keys[1:1051]

    # Marks and order

    async def test_a_row_bears_the_mark_of_the_commit_that_wrote_or_touched_it_last(self, rows: Rows) -> None:
        """So whoever commits knows the mark beforehand, and can say in one row which version another one gets."""
        await rows.commit("t", [Insert("a", ""), Insert("b", ""), Insert("c", "")], "00000000000000a1")
        replaced = Replace("b", "new", (await the_row(rows, "b")).version)
        await rows.commit("t", [Touch("a"), replaced], "00000000000000b2")
        assert [row.mark[-2:] for row in await everything(rows)] == ["b2", "b2", "a1"]
        assert [row.mark[-2:] for row in await rows.range("t", "", END, 9, keys_only=True)] == ["b2", "b2", "a1"]
        await rows.commit("t", [Replace("a", "after a touch", (await the_row(rows, "a")).version)], "00000000000000c3")
        assert (await the_row(rows, "a")).mark == "00000000000000c3"

    async def test_without_a_mark_each_commit_has_one_of_its_own(self, rows: Rows) -> None:
        """No two commits are taken for each other."""
        for key in "abc":
            await rows.commit("t", [Insert(key, "")])
        assert len({row.mark for row in await everything(rows)} - {""}) == 3

    async def test_rows_sort_by_when_they_were_written(self, rows: Rows) -> None:
        """Whatever their keys are, and whether or not bodies are asked for."""
        for number in range(20):
            await rows.commit("t", [Insert(f"k{99 - number}", str(number)), Insert(f"x{number}", "")])
        found = sorted(await rows.range("t", "k", "l", 100), key=lambda row: row.order)
        assert [row.body for row in found] == [str(number) for number in range(20)]
        bare = sorted(await rows.range("t", "k", "l", 100, keys_only=True), key=lambda row: row.order)
        assert [row.key for row in bare] == [row.key for row in found]

    # Content and limits

    @pytest.mark.parametrize(
        "body",
        [
            "Zoë Müller-Đặng 李小龍 👩‍👩‍👧‍👦 🇪🇺",
            "'; DROP TABLE rows; --",
            '{"a": "\\u0000\\"\\\\", "b": "line\\nbreak"}',
            "\u2028\u2029\ufeff\u00a0 \t\r\n end ",
            "\x00\x01\x1f\x7f\x85",
        ],
    )
    async def test_text_comes_back_unchanged(self, rows: Rows, body: str) -> None:
        """Whatever a body holds: accents, emoji, quotes, white space, control characters."""
        await rows.commit("t", [Insert("a", body)])
        assert (await the_row(rows, "a")).body == body
        assert [row.body for row in await everything(rows)] == [body]

    @pytest.mark.parametrize("text", ["x", "ü", "漢", "👍", "x👍"])
    async def test_the_largest_body_comes_back_unchanged(self, rows: Rows, text: str) -> None:
        """900,000 bytes as UTF-16, also where pieces would cut a surrogate pair."""
        body = text * (MAX_BODY_BYTES // len(text.encode("utf-16-le")))
        await rows.commit("t", [Insert("a", body)])
        assert (await the_row(rows, "a")).body == body

    @pytest.mark.parametrize("text", ["x", "👍"])
    async def test_a_larger_body_is_refused(self, rows: Rows, text: str) -> None:
        """One character too many is a 413 that says the limit, and nothing is written."""
        body = text * (MAX_BODY_BYTES // len(text.encode("utf-16-le")) + 1)
        with pytest.raises(PayloadTooLarge, match="900,000"):
            await rows.commit("t", [Insert("small", ""), Insert("a", body)])
        with pytest.raises(PayloadTooLarge, match="900,000"):
            await rows.commit("t", [Replace("a", body, "any")])
        assert await everything(rows) == []

    async def test_a_larger_commit_is_refused(self, rows: Rows) -> None:
        """What counts is what travels: headers and keys, two bytes for a quote, six outside of ASCII."""
        with pytest.raises(PayloadTooLarge, match=f"{MAX_COMMIT_BYTES:,}"):
            await rows.commit("t", [Insert(f"k{n}", "x" * 400_000) for n in range(11)])
        with pytest.raises(PayloadTooLarge):
            await rows.commit("t", [Insert(f"k{n}", '"' * 400_000) for n in range(6)])
        with pytest.raises(PayloadTooLarge):
            await rows.commit("t", [Insert(f"k{n}", "漢" * 350_000) for n in range(2)])
        with pytest.raises(PayloadTooLarge):
            await rows.commit("t", [Insert(f"{n:03}".ljust(MAX_KEY, "k"), "x" * 38_500) for n in range(MAX_CHANGES)])
        assert await everything(rows) == []

    async def test_half_a_surrogate_pair_is_refused(self, rows: Rows) -> None:
        """JSON can carry one, no store can write it: the client is told."""
        with pytest.raises(InvalidValue):
            await rows.commit("t", [Insert("a", "\ud83d")])

    async def test_a_hundred_changes_are_one_commit(self, rows: Rows) -> None:
        """The largest number of changes is applied as a whole, with keys of the greatest length."""
        keys = [f"{n:03}".ljust(MAX_KEY, "k") for n in range(MAX_CHANGES)]
        versions = await rows.commit("t", [Insert(key, "body", NOW) for key in keys])
        assert [row[:4] for row in await everything(rows)] == [
            (key, "body", version, NOW) for key, version in zip(keys, versions, strict=True)
        ]

    @pytest.mark.parametrize(
        "changes",
        [
            [],
            [Insert(f"k{n}", "") for n in range(MAX_CHANGES + 1)],
            [Insert("a", "1"), Insert("a", "2")],
            [Insert("a", "1"), Delete("a")],
        ],
    )
    async def test_a_commit_that_breaks_a_rule_is_refused(self, rows: Rows, changes: Sequence[RowChange]) -> None:
        """No change, too many of them, one key twice: a bug of the caller, and nothing is written."""
        with pytest.raises(ValueError, match="commit"):
            await rows.commit("t", changes)
        assert await everything(rows) == []

    @pytest.mark.parametrize(
        "key", ["", "a/b", "a\\b", "a#b", "a?b", "a%b", "a b", "a\tb", "a\x7fb", "ä", "a\n", "k" * (MAX_KEY + 1)]
    )
    async def test_a_key_that_the_service_refuses_is_refused(self, rows: Rows, key: str) -> None:
        """In a row or as the partition, on each store."""
        with pytest.raises(ValueError, match="key"):
            await rows.commit("t", [Insert(key, "")])
        with pytest.raises(ValueError, match="key"):
            await rows.commit(key, [Insert("a", "")])

    # All together

    async def test_a_random_history_equals_a_dict(self, rows: Rows) -> None:
        """Random commits do what the same changes do to a plain dict, conflicts included."""
        choice = random.Random(20261124)
        model: dict[str, Row] = {}
        for number in range(self.random_commits):
            keys = choice.sample("abcdefgh", choice.randint(1, 4))
            changes = [_random_change(choice, key, model, number) for key in keys]
            if all(_allowed(change, model) for change in changes):
                for change, version in zip(changes, await rows.commit("t", changes), strict=True):
                    _apply(change, version, model)
            else:
                with pytest.raises(RowConflict):
                    await rows.commit("t", changes)
        assert [row[:4] for row in await everything(rows)] == [model[key][:4] for key in sorted(model)]


def _random_change(choice: random.Random, key: str, model: dict[str, Row], number: int) -> RowChange:
    """Return a change that mostly fits the model, with old versions now and then."""
    if key not in model:
        return Insert(key, str(number)) if choice.random() < 0.9 else Touch(key)
    versions = [model[key].version] * 12 + [row.version for row in model.values()]
    kind = choice.choice(["replace", "delete", "delete any", "touch", "touch time", *["insert"] * (number % 9 == 0)])
    changes: dict[str, RowChange] = {
        "replace": Replace(key, str(number), choice.choice(versions), NOW),
        "delete": Delete(key, choice.choice(versions)),
        "delete any": Delete(key),
        "touch": Touch(key),
        "touch time": Touch(key, f"t{number}"),
        "insert": Insert(key, "taken"),
    }
    return changes[kind]


def _allowed(change: RowChange, model: dict[str, Row]) -> bool:
    match change:
        case Insert(key):
            return key not in model
        case Replace(key, _, version):
            return key in model and model[key].version == version
        case Delete(key, version):
            return key in model and version in (None, model[key].version)
        case Touch(key):
            return key in model


def _apply(change: RowChange, version: str, model: dict[str, Row]) -> None:
    match change:
        case Insert(key, body, modified) | Replace(key, body, _, modified):
            model[key] = Row(key, body, version, modified)
        case Delete(key):
            del model[key]
        case Touch(key, modified):
            model[key] = model[key]._replace(version=version, modified=modified or model[key].modified)
