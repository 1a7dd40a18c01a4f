"""A tenant goes to a file and comes back the same; a file that is broken, and a tenant that is in use, are refused."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scim.__main__ import main
from scim.app import App, build
from scim.commands import restore
from scim.commands.export import Export
from scim.commands.restore import Restore
from scim.commands.transfer import BrokenFile, Reader
from scim.commands.verify import verify
from scim.settings import Settings
from scim.storage.rows import Delete, Insert, Rows
from scim.storage.sqlite import SqliteRows
from tests.azurite import azurite
from tests.conftest import TOKEN, Clock, Http, make_app
from tests.crash.replay import check_told

__all__ = ["azurite"]

USER, OTHER, GROUP = "1" * 32, "2" * 32, "3" * 32


async def exported(app: App) -> list[str]:
    """Return the lines of an export, without the time in its header."""
    lines: list[str] = []
    await Export(app.tenants.default, lines.append, pytest.fail).run()
    header = json.loads(lines[0])
    del header["time"]
    return [json.dumps(header), *lines[1:]]


async def imported(app: App, lines: list[str], into_existing: bool = False) -> tuple[dict[str, int], list[str]]:
    """Import lines; return what was created, and what was said."""
    said: list[str] = []
    restore = Restore(app.tenants.default, said.append)
    await restore.check(into_existing)
    await restore.run(Reader(io.BytesIO("".join(f"{line}\n" for line in lines).encode()), app.kinds))
    return dict(restore.created), said


async def assert_clean(app: App) -> None:
    """Nothing is wrong with the tenant."""
    report = await verify(app.tenants.default, False, pytest.fail)
    assert not report.findings


async def populate(http: Http, members: int) -> None:
    """Make a directory with names of the world, an extension, an inactive user, groups in groups and a circle."""
    ids = [(await http.user(f"user{number}", externalId=f"e{number}"))["id"] for number in range(members)]
    await http.user(
        "zo\u00eb",
        displayName='\u5c71\u7530 \u592a\u90ce \U0001f600 \u2028 "quoted"',
        active=False,
        emails=[{"value": "zo\u00eb@contoso.example", "type": "work", "primary": True}],
        **{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Vertrieb \u00dc"}},
    )
    large = await http.group("everybody", *ids)
    outer = await http.group("outer", large["id"], ids[0])
    operations = [{"op": "add", "path": "members", "value": [{"value": outer["id"]}]}]
    answer = await http.request("PATCH", f"/Groups/{large['id']}", {"schemas": [PATCH_OP], "Operations": operations})
    assert answer.status == 204
    await http.group("empty")


PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@pytest.fixture
async def empty() -> AsyncIterator[App]:
    """A service over a store with nothing in it, a year later."""
    clock = Clock()
    clock.forward(days=365)
    made = make_app(SqliteRows(":memory:"), clock)
    yield made
    await made.close()


def small(*extra: str, users: int = 2) -> list[str]:
    """Return the lines of a file with two users and a group of one of them."""
    document: dict[str, Any] = {"meta": {"created": "2026-01-31T12:00:00.000Z"}}
    head = json.dumps({"format": "scim-tenant", "version": 1, "tenant": "scim", "time": "2026-01-31T12:00:00.000Z"})
    about: list[tuple[str, str, dict[str, Any]]] = [
        ("user", USER, {"userName": "ann", "active": True}),
        ("user", OTHER, {"userName": "bob", "active": False}),
        ("group", GROUP, {"displayName": "g"}),
    ]
    made = [
        json.dumps({sort: each, "lastModified": "2026-01-31T12:00:00.000Z", "document": names | document})
        for sort, each, names in about
    ]
    link = json.dumps({"group": GROUP, "member": USER, "kind": "user"})
    return [head, *made, link, json.dumps({"end": True, "users": users, "groups": 1, "memberships": 1}), *extra]


async def test_what_is_exported_and_imported_is_the_same(app: App, http: Http, clock: Clock, empty: App) -> None:
    """Ids, times, characters, a group of 2,000 members and groups in groups; and nothing is wrong afterwards."""
    await populate(http, 2000)
    before = await exported(app)
    created, said = await imported(empty, before)
    assert said == []
    assert created == {"users": 2001, "groups": 3, "memberships": 2003}
    assert await exported(empty) == before
    await assert_clean(empty)
    there, here = Http(empty), http
    for path in ("/Users?count=5", "/Groups?filter=displayName%20eq%20%22outer%22"):
        old, new = (await here.request("GET", path)).body, (await there.request("GET", path)).body
        assert _without_versions(old) == _without_versions(new)


def _without_versions(listed: Any) -> Any:
    for each in listed["Resources"]:
        del each["meta"]["version"]
    return listed


async def test_importing_twice_is_importing_once(app: App, http: Http, empty: App) -> None:
    """The second time nothing is created and no row changes."""
    await populate(http, 50)
    lines = await exported(app)
    await imported(empty, lines)
    rows = await empty.tenant.under("", None)
    assert await imported(empty, lines, into_existing=True) == ({}, [])
    assert await empty.tenant.under("", None) == rows


async def test_there_is_a_change_row_for_each_resource(empty: App) -> None:
    """With the operation import and no values."""
    await imported(empty, small())
    said = [json.loads(row.body) for row in await empty.tenant.under("e.")]
    made = [(each["resourceType"], each["id"]) for each in said if "membersAdded" not in each]
    assert made == [("User", USER), ("User", OTHER), ("Group", GROUP)]
    assert {each["operation"] for each in said} == {"import"}


async def test_what_is_imported_is_told_in_the_feed(app: App, http: Http, clock: Clock) -> None:
    """An application that keeps a copy would else never learn of who came back, and webhooks would bring nobody."""
    await populate(http, 40)
    lines = await exported(app)
    rows = SqliteRows(":memory:")
    other = make_app(rows, clock)
    there = await Http(other).user("there")
    cursor = (await other.feed.page("latest")).next
    await imported(other, lines, into_existing=True)
    await check_told(rows)
    page = await other.feed.page(cursor, 1000)
    users = (await Http(other).request("GET", "/Users?count=1000")).body["Resources"]
    versions = {each["id"]: each["data"]["version"] for each in page.events}
    assert {each["data"]["id"] for each in page.events if each["type"] == "user.created"} == {
        each["id"] for each in users if each["id"] != there["id"]
    }
    assert len(versions) == len(page.events)
    assert {each["actor"]["client"] for each in page.events} == {"python -m scim import"}
    zoe = next(each for each in page.events if each["data"].get("userName", "").startswith("zo"))
    assert (zoe["data"]["active"], "emails" in zoe["data"]["changed"]) == (False, True)
    outer = [each for each in page.events if each["data"].get("displayName") == "outer"]
    assert [each["type"] for each in outer] == ["group.created", "group.members_added"]
    assert len(outer[1]["data"]["members"]) == 2
    await other.close()


async def test_what_one_transaction_tells_has_a_bound(
    app: App, http: Http, empty: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the row has that holds it; resources with long names come in more transactions."""
    await populate(http, 40)
    lines = await exported(app)
    monkeypatch.setattr(restore, "MAX_TOLD", 1_500)
    assert (await imported(empty, lines))[1] == []
    told = [row.body for row in await empty.tenant.under("o.") if "created" in row.body]
    assert len(told) > 4
    assert max(map(len, told)) < 1_500 + 200  # who has made it, and when


class Failing:
    """A store that breaks at one of its commits, before or after it was applied."""

    def __init__(self, rows: Rows, at: int, applied: bool) -> None:
        self._rows, self._left, self._applied = rows, at, applied

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    async def commit(self, partition: str, changes: Any, mark: str = "") -> list[str]:
        self._left -= 1
        if self._left == 0:
            if self._applied:
                await self._rows.commit(partition, changes, mark)
            raise ConnectionAbortedError
        return await self._rows.commit(partition, changes, mark)


@pytest.mark.parametrize("applied", [False, True])
async def test_an_import_goes_on_after_a_crash_at_any_commit(app: App, http: Http, applied: bool) -> None:
    """What a first import left behind is completed by a second one."""
    await populate(http, 40)
    lines, crashes = await exported(app), 0
    while True:
        rows = SqliteRows(":memory:")
        broken = make_app(Failing(rows, crashes + 1, applied), Clock())
        try:
            await imported(broken, lines)
            await rows.close()
            break
        except ConnectionAbortedError:
            crashes += 1
        whole = make_app(rows, Clock())
        assert (await imported(whole, lines, into_existing=True))[1] == []
        assert await exported(whole) == lines
        await assert_clean(whole)
        await check_told(rows)
        await rows.close()
    assert crashes == 5


async def test_a_name_that_another_has_is_left_out(empty: App) -> None:
    """With its line, and the memberships of its resource; the others come in."""
    await Http(empty).created("/Users", userName="ANN")
    created, said = await imported(empty, small(), into_existing=True)
    assert created == {"users": 1, "groups": 1}
    assert len(said) == 2
    assert said[0].startswith(f"line 2: left out: User {USER}: its userName belongs to ")
    assert said[1] == f"line 5: left out: membership of {USER} in {GROUP}: there is no u.{USER}"
    await assert_clean(empty)


async def test_what_is_there_stays_as_it_is(empty: App) -> None:
    """A user who was changed since the backup keeps the change; what is missing is added."""
    await imported(empty, small())
    there = Http(empty)
    await there.request("PUT", f"/Users/{USER}", {"userName": "anna"})
    await there.request("DELETE", f"/Users/{OTHER}")
    created, said = await imported(empty, small(), into_existing=True)
    assert (created, said) == ({"users": 1}, [])
    assert (await there.request("GET", f"/Users/{USER}")).body["userName"] == "anna"
    await assert_clean(empty)


async def test_memberships_of_deleted_resources_are_not_exported(app: App, http: Http) -> None:
    """Until the timer has removed them they are hidden, here as in answers."""
    user = await http.user("ann")
    group = await http.group("g", user["id"])
    await app.tenant.commit([Insert(f"t.{group['id']}", "g"), Delete(f"g.{group['id']}")])
    assert json.loads((await exported(app))[-1]) == {"end": True, "users": 1, "groups": 0, "memberships": 0}


def edited(number: int, **changes: Any) -> list[str]:
    """Return the small file with some items of a line changed; None takes an item away."""
    lines = small()
    read = json.loads(lines[number - 1]) | changes
    lines[number - 1] = json.dumps({name: item for name, item in read.items() if item is not None})
    return lines


CREATED = {"meta": {"created": "2026-01-31T12:00:00.000Z"}}
BROKEN = {
    "line 1: no header": small()[1:],
    "line 1: no header of": [],
    "line 1: no header of an": ["userName,displayName"],
    "line 1: version 2": edited(1, version=2),
    "line 4: the file ends here": small()[:3],
    "line 3: no JSON": [*small()[:2], small()[2][:40]],
    "line 2: no JSON object": [small()[0], "[]"],
    "line 2: neither a user": edited(2, extra=1),
    "line 2: an id is not": edited(2, user="1.2"),
    "line 2: lastModified is no time": edited(2, lastModified="yesterday"),
    "line 2: the document has no meta.created": edited(2, document={"userName": "ann"}),
    "line 2: the document does not fit its schema": edited(2, document=CREATED),
    "line 4: the document must not have members": edited(4, document={"displayName": "g", "members": []} | CREATED),
    "line 3: out of order, or there twice": edited(3, user=USER),
    "line 5: no membership": edited(5, kind="robot"),
    "line 5: a group cannot be": edited(5, member=GROUP, kind="group"),
    "line 6: the end tells other numbers": small(users=3),
    "line 5: the end tells other numbers": [*small()[:4], small()[5]],
    "line 7: there is something behind the end": small(""),
}


@pytest.mark.parametrize("text", BROKEN)
async def test_a_broken_file_is_refused_with_its_line(empty: App, text: str) -> None:
    """Whichever line it is, and where lines are missing."""
    with pytest.raises(BrokenFile) as caught:
        await imported(empty, BROKEN[text])
    assert str(caught.value).startswith(text)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store in a file, which the settings name."""
    monkeypatch.setenv("SCIM_STORAGE", f"sqlite:{tmp_path / 'scim.db'}")
    monkeypatch.delenv("SCIM_TENANT", raising=False)
    return tmp_path


def written(folder: Path, lines: list[str]) -> str:
    path = folder / "in.ndjson"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def test_the_commands_make_and_read_a_backup(store: Path, capsysbinary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a file that only its owner may read, and to standard output; import refuses a tenant in use."""
    source, target = written(store, small()), store / "out.ndjson"
    assert main(["import", source]) == 0
    assert main(["export", str(target)]) == 0
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_text().splitlines()[1:] == [
        json.dumps(json.loads(each), separators=(",", ":")) for each in small()[1:]
    ]
    capsysbinary.readouterr()
    assert main(["export", "-"]) == 0
    captured = capsysbinary.readouterr()
    assert captured.out.splitlines()[1:] == target.read_bytes().splitlines()[1:]
    assert captured.err == b"exported 2 users, 1 groups, 1 memberships\n"
    assert main(["import", source]) == 1
    assert b"--into-existing" in capsysbinary.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(captured.out)))
    assert main(["import", "-", "--into-existing"]) == 0
    assert capsysbinary.readouterr().err == b"imported 0 users, 0 groups, 0 memberships\n"


def test_nothing_is_written_of_a_file_that_is_broken_anywhere(store: Path, capsys: Any) -> None:
    """The file is read once before; one line says where it is broken."""
    source = written(store, small()[:-1])
    assert main(["import", source]) == 1
    told = "line 6: the file ends here, before the line that ends an export: it is cut short"
    assert capsys.readouterr().err == f"scim import: {source}, {told}\n"
    assert main(["export", "-"]) == 1
    assert "neither users nor groups" in capsys.readouterr().err


def test_lines_that_are_left_out_make_the_exit_code_1(store: Path, capsys: Any) -> None:
    """So that a script notices."""
    lines = small()
    lines[4] = lines[4].replace(USER, "f" * 32)
    assert main(["import", written(store, lines)]) == 1
    assert capsys.readouterr().err.endswith("imported 2 users, 1 groups, 0 memberships; 1 left out\n")


async def test_a_document_that_cannot_be_read_is_left_out_of_an_export(app: App, http: Http) -> None:
    """And said, since the others are worth having."""
    await http.user("ann")
    await app.tenant.commit([Insert(f"u.{USER}", "{")])
    said: list[str] = []
    lines: list[str] = []
    await Export(app.tenants.default, lines.append, said.append).run()
    assert said == [f"u.{USER}: left out, since its document cannot be read"]
    assert json.loads(lines[-1])["users"] == 1


async def test_unfinished_deletes_are_waited_for(empty: App) -> None:
    """A membership that is added beside a tombstone would be swept away with the others."""
    await empty.tenant.commit([Insert(f"t.{USER}", "u")])
    with pytest.raises(Exception, match="deletes are not finished"):
        await imported(empty, small(), into_existing=True)


async def test_from_sqlite_to_table_storage_and_back(app: App, http: Http, empty: App, azurite: str) -> None:
    """Through the real client of Azure, with the same result."""
    await populate(http, 40)
    before = await exported(app)
    there = build(Settings(storage=azurite, token=(TOKEN,), tenant="moved"))
    try:
        assert (await imported(there, before))[1] == []
        await assert_clean(there)
        moved = await exported(there)
    finally:
        await there.close()
    assert moved[1:] == before[1:]
    await imported(empty, moved)
    assert (await exported(empty))[1:] == before[1:]
