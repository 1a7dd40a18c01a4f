"""How the page and its files are served: to everybody, never stale, kept for ever, small, and under a strict policy."""

import gzip
import re
import shutil
from pathlib import Path

import pytest

from scim.access.address import Permitted
from scim.app import App
from scim.management.console import FOLDER, Console
from scim.service.messages import Request, Response
from scim.storage.sqlite import SqliteRows
from tests.conftest import HOST, Clock, make_app
from tools.package import CONSOLE, copy_application

ROOT = Path(__file__).parents[2]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ANYONE = Permitted(())
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())
LOADED = [name for name in FILES if name.endswith((".js", ".mjs", ".css", ".svg"))]


async def ask(console: Console, path: str = "", url: str = "/console", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await console.respond(Request("GET", f"{HOST}{url}", named, b"", "request-1"), path)


async def served(console: Console) -> tuple[str, list[str]]:
    """Return the page's HTML, and the paths of the files that it names."""
    page = (await ask(console)).content().decode()
    return page, re.findall(r'(?:href|src)="console/([^"]+)"', page)


async def test_the_page_is_asked_for_anew_and_not_sent_twice(app: App) -> None:
    """A deployment shows at the next load; while nothing has changed the answer is 304."""
    first = await ask(app.console)
    assert (first.status, first.media_type) == (200, "text/html")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await ask(app.console, if_none_match=first.headers["ETag"])
    assert (again.status, again.content()) == (304, b"")


async def test_all_that_the_page_loads_is_named_by_it_and_kept_for_ever(app: App) -> None:
    """One round of requests, and none at the second visit: the folder's hash is in each address."""
    _, named = await served(app.console)
    folder = named[0].partition("/")[0]
    assert re.fullmatch("[0-9a-f]{16}", folder)
    assert sorted(named) == sorted(f"{folder}/{name}" for name in LOADED)
    for path in named:
        answer = await ask(app.console, path)
        assert answer.status == 200
        assert answer.content()
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert (await ask(app.console, path, if_none_match=answer.headers["ETag"])).status == 304


async def test_a_change_of_any_file_changes_the_addresses_of_all(tmp_path: Path) -> None:
    """Modules import each other by relative paths, so all of them move together."""
    folder = shutil.copytree(FOLDER, tmp_path / "console")
    before = (await served(Console(ANYONE, folder)))[1]
    (folder / "texts.js").write_text((folder / "texts.js").read_text() + "\n")
    after = (await served(Console(ANYONE, folder)))[1]
    assert set(before) & set(after) == set()


@pytest.mark.parametrize("path", ["main.js", "0123456789abcdef/main.js", "../settings.py", "files/main.js", "a/../b"])
async def test_what_is_no_file_of_this_version_is_not_found(app: App, path: str) -> None:
    """Nothing outside of the folder, and nothing under an address that another version had."""
    answer = await ask(app.console, path)
    assert answer.status == 404


@pytest.mark.parametrize("path", ["", "file"])
async def test_each_answer_has_the_policy(app: App, path: str) -> None:
    """Nothing from elsewhere, nothing inline, not inside another page, no guessing of types."""
    named = (await served(app.console))[1]
    answer = await ask(app.console, named[0] if path else "")
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.sendable_headers()["X-Content-Type-Options"] == "nosniff"
    assert answer.sendable_headers()["Referrer-Policy"] == "no-referrer"
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=", (await served(app.console))[0])


async def test_a_slash_at_the_end_leads_to_the_page(app: App) -> None:
    """The page names its files relative to `/console`, so that a proxy may put a path before it."""
    answer = await ask(app.console, url="/console/")
    assert (answer.status, answer.headers["Location"]) == (308, "../console")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """The console as the package has it."""
    stage = tmp_path_factory.mktemp("stage")
    copy_application(ROOT, stage)
    return Console(ANYONE, stage / CONSOLE)


async def test_the_package_sends_less_than_100_kilobytes(packed: Console, record_property: object) -> None:
    """All that the first visit loads, compressed, with the page itself."""
    _, named = await served(packed)
    answers = [await ask(packed, path, accept_encoding="gzip, br") for path in ["", *named]]
    assert {each.headers["Content-Encoding"] for each in answers} == {"gzip"}
    assert {each.headers["Vary"] for each in answers} == {"Accept-Encoding"}
    assert sum(len(each.content()) for each in answers) < 100_000


async def test_compressed_or_not_it_is_the_same(packed: Console) -> None:
    """And a browser that does not take gzip gets none."""
    for path in (await served(packed))[1]:
        plain = await ask(packed, path, accept_encoding="br, gzip;q=0")
        assert "Content-Encoding" not in plain.headers
        assert gzip.decompress((await ask(packed, path, accept_encoding="gzip")).content()) == plain.content()


async def test_a_setting_switches_it_off(rows: SqliteRows, clock: Clock) -> None:
    """The page and its files; the management stays."""
    app = make_app(rows, clock, console=False)
    assert (await ask(app.console)).status == 404
    assert (await ask(app.console, "main.js")).status == 404


async def test_only_addresses_that_are_listed_get_it(rows: SqliteRows, clock: Clock) -> None:
    """Others learn which address was seen, which is what has to be listed."""
    app = make_app(rows, clock, manage_addresses=("203.0.113.0/24",))
    answers = {
        address: await app.console.respond(Request("GET", f"{HOST}/console", {}, b"", "request-1", address))
        for address in ("203.0.113.9", "198.51.100.1")
    }
    assert {address: answer.status for address, answer in answers.items()} == {"203.0.113.9": 200, "198.51.100.1": 403}
    assert "198.51.100.1" in answers["198.51.100.1"].content().decode()
