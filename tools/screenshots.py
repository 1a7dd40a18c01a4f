"""Take the pictures of the console in docs/images: python -m tools.screenshots. Needs Chromium.

They show a service on this machine, over invented people and requests: a journal of 30 days that is written before it
starts, then a cycle of the simulator, and some requests that fail.
"""

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from scim.directory.entry import Entry
from scim.directory.journal import Journal
from scim.directory.tenant import Tenant
from scim.storage.sqlite import SqliteRows
from tests.console.browser import OPERATOR, PROVISION, journaled, running, settings_in, visiting
from tests.server import environment, serving

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
DAYS = 30
MINUTE = 60_000


def remembered(now: int) -> list[Entry]:
    """Return the requests of 30 days as Entra makes them: a few each 40 minutes, more in working hours."""
    chance = random.Random(1)  # noqa: S311 - the same pictures each time
    found = []
    for at in range(now - DAYS * 24 * 60 * MINUTE, now - 60 * MINUTE, 40 * MINUTE):
        busy = 7 <= datetime.fromtimestamp(at / 1000, UTC).hour <= 17
        for number in range(chance.randint(20, 60) if busy else chance.randint(3, 9)):
            failed = chance.random() < 0.02
            status, kind = (
                (409, "uniqueness") if failed and number % 2 else (400, "invalidValue") if failed else (200, "")
            )
            milliseconds = chance.lognormvariate(2.6 if busy else 2.3, 0.5)
            found.append(
                Entry("PatchUser", "PATCH", status, at=at + number * 500, ms=milliseconds, calls=3, scim_type=kind)
            )
    return found


def fill(path: Path) -> None:
    """Write the journal of the days before."""

    async def write() -> None:
        store = SqliteRows(str(path))
        journal = Journal(Tenant(store, "scim"), retention=timedelta(days=DAYS))
        await journal.write(remembered(int(datetime.now(UTC).timestamp() * 1000)))
        await store.close()

    with ThreadPoolExecutor() as pool:
        pool.submit(asyncio.run, write()).result()


def ask(base: str, method: str, path: str, body: Any, token: str = PROVISION) -> Any:
    """Send a request, and return the answer's JSON, of a client's failure too."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "User-Agent": "Entra"}
    request = urllib.request.Request(f"{base}{path}", json.dumps(body).encode(), headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own service
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        if token == OPERATOR:
            raise SystemExit(f"{method} {path}: {error.read().decode()}") from None
        return json.loads(error.read())


def provision(base: str, folder: Path) -> None:
    """Play a cycle, and some requests that fail."""
    ask(base, "POST", "/manage/v1/tenants/scim/capture", {"minutes": 60}, OPERATOR)
    (folder / "token").write_text(PROVISION)
    command = (
        *(sys.executable, "-m", "scim", "simulate", f"{base}/scim/v2"),
        "--token-file",
        str(folder / "token"),
        "--concurrency",
        "1",
    )
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    user = ask(
        base, "POST", "/scim/v2/Users", {"userName": "mira.okafor@contoso.example", "displayName": "Mira Okafor"}
    )
    ask(base, "POST", "/scim/v2/Users", {"userName": "Mira.Okafor@contoso.example"})
    for path, value in (("title", "Engineer"), ("active", "maybe")):
        body = {"Operations": [{"op": "replace", "path": path, "value": value}]}
        ask(base, "PATCH", f"/scim/v2/Users/{user['id']}", body)
    for name in ("Contoso", "Fabrikam", "Northwind"):
        ask(base, "POST", "/manage/v1/tenants", {"name": name}, OPERATOR)
    own = "/manage/v1/tenants/scim"
    for name, scope in (("Entra", "provision"), ("Application", "events"), ("Helpdesk", "admin")):
        ask(base, "POST", f"{own}/credentials", {"name": name, "scope": scope}, OPERATOR)
    ask(base, "PATCH", own, {"seats": 60}, OPERATOR)
    ask(base, "POST", f"{own}/webhooks", {"url": "https://app.contoso.example/scim-events"}, OPERATOR)
    signing = (sys.executable, "-m", "scim", "signing-key", "create")
    subprocess.run(signing, cwd=folder, env=environment(**settings_in(folder)), check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    ask(base, "POST", f"{own}/streams", {"types": ["user.deactivated", "user.deleted"]}, OPERATOR)


def take(page: Page, name: str) -> None:
    """Write one picture, when nothing is being loaded any more."""
    page.locator("[aria-busy=true]").first.wait_for(state="detached")
    page.screenshot(path=IMAGES / f"console-{name}.png")


def tour(base: str) -> None:
    """Look at each page, and take its picture."""
    with running() as browser:
        with visiting(browser, base, viewport={"width": 1200, "height": 660}) as visitor:
            page = visitor.signed_in("#/scim/overview")
            page.locator(".plot canvas").first.wait_for()
            take(page, "overview")
            page.get_by_label("Users in scope").fill("60")
            page.get_by_text("users are here").scroll_into_view_if_needed()
            take(page, "signs")
            visitor.go("Provisioning log")
            page.locator("summary", has_text="active must be").click()
            page.get_by_role("heading", name="What to do").wait_for()
            take(page, "log")
            page.locator("summary", has_text="active must be").click()
            page.get_by_text("what did the identity provider send?").click()
            page.get_by_role("list", name="Captured requests").locator("summary", has_text="POST").first.click()
            page.get_by_role("heading", name="Answer").wait_for()
            page.get_by_text("It runs until").evaluate("(each) => each.scrollIntoView()")
            take(page, "capture")
            page.goto(f"{base}/console#/scim/directory?find=Okafor")
            page.get_by_role("link", name="mira.okafor@contoso.example").click()
            page.get_by_text("Changed · title").wait_for()
            take(page, "directory")
            visitor.go("Customers")
            page.get_by_text("Helpdesk", exact=True).wait_for()
            page.get_by_text("up to date").last.wait_for()
            take(page, "customers")
            page.get_by_role("heading", name="New webhook").scroll_into_view_if_needed()
            take(page, "webhooks")
        narrow = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}
        with visiting(browser, base, **narrow) as visitor:
            page = visitor.signed_in("#/scim/overview")
            page.locator(".plot canvas").first.wait_for()
            take(page, "phone")


def main() -> int:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "scim.db")
        with serving(folder, **settings_in(folder)) as server:
            base = f"http://127.0.0.1:{server.port}"
            provision(base, folder)
            journaled(base, 100)
            tour(base)
    return 0


if __name__ == "__main__":
    sys.exit(main())
