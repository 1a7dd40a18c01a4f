"""The provisioning log: a failure is found and explained, however many rows there are."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from scim.directory.entry import Entry
from scim.directory.journal import MOST, Journal
from scim.directory.tenant import Tenant
from scim.storage.sqlite import SqliteRows
from tests.console.browser import Visitor, journaled, scim, settings_in, visiting
from tests.server import serving


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Requests, newest first").locator("> li")


@pytest.fixture(scope="module")
def base(shared: str) -> str:
    """Nothing here is in the way of another test."""
    return shared


@pytest.fixture(scope="module")
def failed(base: str) -> str:
    """A service with a PATCH that failed; the id of its user is returned."""
    with scim(base) as client:
        user = client.post("/Users", json={"userName": "mira@contoso.example"}).json()
        operations = [{"op": "replace", "path": "active", "value": "maybe"}]
        assert client.patch(f"/Users/{user['id']}", json={"Operations": operations}).status_code == 400
        client.patch(f"/Users/{user['id']}", json={"Operations": [{"op": "add", "path": "title", "value": "Engineer"}]})
    journaled(base, 3)
    return str(user["id"])


def test_what_is_typed_stays_when_new_rows_arrive(base: str, failed: str, visitor: Visitor) -> None:
    """A page that asks again by itself takes no half of a name from under somebody's hands."""
    page = visitor.signed_in("#/scim/log")
    expect(rows(page)).not_to_have_count(0)
    before = rows(page).count()
    page.get_by_label("User or group").fill("half a na")
    page.get_by_label("Status").select_option("Failed")
    with scim(base) as client:
        client.post("/Users", json={"userName": f"{failed}@contoso.example"})
    page.get_by_role("button", name="Live").click()
    expect(rows(page)).to_have_count(before + 1)
    expect(page.get_by_label("User or group")).to_have_value("half a na")
    expect(page.get_by_label("Status")).to_have_value("failed")


def test_a_failed_patch_is_found_and_explained(failed: str, visitor: Visitor) -> None:
    """What to change in Entra, and when it tries again, in the words of docs/errors.md; and what else was changed."""
    page = visitor.signed_in("#/scim/log")
    page.get_by_label("Status").select_option("Failed")
    page.get_by_label("User or group").fill("MIRA@")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page).to_have_url(re.compile("status=failed&user=MIRA"))
    expect(rows(page)).to_have_count(1)
    row = rows(page).first
    expect(row).to_contain_text("400")
    expect(row).to_contain_text("Patch user")
    row.locator("summary").click()
    expect(row).to_contain_text("active must be true or false")
    expect(row).to_contain_text("Correct the expression of the mapping that the detail names.")
    expect(row).to_contain_text("then 6, 12 and 24 hours after the failure")
    visitor.accessible()
    row.get_by_role("link", name="Attributes and history of mira@contoso.example").click()
    expect(page).to_have_url(re.compile(f"#/scim/directory/users/{failed}"))
    history = page.locator("section", has=page.get_by_role("heading", name="Change history"))
    expect(history.get_by_role("listitem")).to_have_count(2)
    expect(history).to_contain_text("Changed · title")
    expect(history).to_contain_text("by provisioner")
    visitor.accessible()


def test_the_log_is_saved_as_a_file(failed: str, visitor: Visitor) -> None:
    """For spreadsheets and for programs, with the filters of the page."""
    page = visitor.signed_in("#/scim/log?status=failed")
    expect(rows(page)).to_have_count(1)
    for name in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert download.value.suggested_filename == f"requests-scim.{name.lower()}"
        content = Path(download.value.path()).read_text(encoding="utf-8-sig")
        if name == "CSV":
            assert content.splitlines()[0].startswith("time,status,scimType,detail")
            assert len(content.splitlines()) == 2
        else:
            assert [each["status"] for each in json.loads(content)["requests"]] == [400]


def test_a_new_row_appears_without_a_reload(failed: str, base: str, visitor: Visitor) -> None:
    """With the next question, a minute later."""
    visitor.page.clock.install()
    page = visitor.signed_in("#/scim/log?text=Another+User")
    expect(rows(page)).to_have_count(0)
    with scim(base) as client:
        client.post("/Users", json={"userName": "MIRA@contoso.example"})
    journaled(base, 4)
    page.clock.run_for(61_000)
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("Another User has this userName")


def test_a_refused_filter_is_told_in_the_service_s_words(failed: str, visitor: Visitor) -> None:
    """And the page stays."""
    page = visitor.signed_in("#/scim/log?status=strange")
    expect(page.get_by_role("alert")).to_contain_text("status must be failed, a class such as 4xx")
    page.get_by_role("button", name="Clear").click()
    expect(rows(page).first).to_be_visible()


COUNT = 100_000


def fill(path: Path) -> None:
    """Keep COUNT requests in the journal of a store, ten a second."""
    first = int(datetime.now(UTC).timestamp() * 1_000) - COUNT * 100

    async def write() -> None:
        store = SqliteRows(str(path))
        journal = Journal(Tenant(store, "scim"), retention=timedelta(days=30))
        for start in range(0, COUNT, MOST):
            numbers = range(start, start + MOST)
            entries = [
                Entry("PatchUser", "PATCH", 200, at=first + number * 100, name=f"user-{number}") for number in numbers
            ]
            await journal.write(entries)
        await store.close()

    with ThreadPoolExecutor() as pool:  # the browser's own loop runs in this thread
        pool.submit(asyncio.run, write()).result()


def test_a_hundred_thousand_rows_are_paged(browser: Browser, tmp_path: Path) -> None:
    """Fifty at a time, whatever lies behind; a search goes on where it stopped."""
    fill(tmp_path / "scim.db")
    with (
        serving(tmp_path, **settings_in(tmp_path)) as server,
        visiting(browser, f"http://127.0.0.1:{server.port}") as visitor,
    ):
        page = visitor.signed_in("#/scim/log")
        for number in range(3):
            expect(rows(page).first).to_contain_text(f"user-{COUNT - 1 - 50 * number}")
            expect(rows(page)).to_have_count(50)
            page.get_by_role("button", name="Older").click()
        expect(rows(page).first).to_contain_text(f"user-{COUNT - 151}")
        page.go_back()
        expect(rows(page).first).to_contain_text(f"user-{COUNT - 101}")
        page.get_by_role("button", name="Newest").click()
        expect(rows(page).first).to_contain_text(f"user-{COUNT - 1}")
        page.get_by_label("User or group").fill("user-8555")
        page.get_by_role("button", name="Filter", exact=True).click()
        expect(rows(page).first).to_contain_text("user-85559")
        page.get_by_role("button", name="Clear").click()
        expect(page.get_by_label("User or group")).to_have_value("")
        page.get_by_label("Text").fill("by-hand")
        page.get_by_role("button", name="Filter", exact=True).click()
        for _ in range(COUNT // (200 * MOST)):
            expect(page.get_by_text("the search goes on where it stopped")).to_be_visible()
            page.get_by_role("button", name="Older").click()
        expect(page.get_by_text("No request fits these filters")).to_be_visible()
