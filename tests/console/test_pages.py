"""Every page on every screen, by day and by night, with names of any kind, with and without a mouse."""

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.children import python
from tests.console.browser import OPERATOR, Visitor, journaled, scim, settings_in, visiting
from tests.console.test_signing_in import made
from tests.server import environment, serving

SCRIPT = "<script>window.hacked = 1</script>"
TURNED = "\u202egnp.exe\u202c"
LONG = "n" * 180
SCREENS = [(320, "light"), (320, "dark"), (1280, "light"), (1920, "dark")]


@pytest.fixture(scope="module")
def lived_in(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that has something of everything, under names that nobody would choose; its address is returned."""
    folder = tmp_path_factory.mktemp("pages")
    settings = settings_in(folder)
    with serving(folder, **settings) as server:
        base = f"http://127.0.0.1:{server.port}"
        _signing_key(folder, settings)
        _fill(base)
        yield base


def _signing_key(folder: Path, settings: dict[str, str]) -> None:
    with python("-m", "scim", "signing-key", "create", cwd=folder, env=environment(**settings), stdout=DEVNULL) as run:
        assert run.wait() == 0


def _fill(base: str) -> None:
    for name in (SCRIPT, LONG):
        made(base, "tenants", name=name)
        made(base, "tenants/scim/credentials", name=name[:100], scope="provision")
    with scim(base) as client:
        users = [client.post("/Users", json={"userName": name}).json()["id"] for name in (SCRIPT, TURNED, LONG)]
        for name in (SCRIPT, LONG):
            group = {"displayName": name, "members": [{"value": each} for each in users]}
            assert client.post("/Groups", json=group).status_code == 201
        refused = {"Operations": [{"op": "replace", "path": "active", "value": SCRIPT}]}
        assert client.patch(f"/Users/{users[0]}", json=refused, headers={"User-Agent": LONG}).status_code == 400
    below = f"{base}/manage/v1/tenants/scim"
    with httpx.Client(headers={"Authorization": f"Bearer {OPERATOR}"}, timeout=60) as manager:
        assert manager.post(f"{below}/access", json={"group": SCRIPT, "role": LONG[:64]}).is_success
        assert manager.post(f"{below}/guards", json={"group": LONG, "guard": "strict"}).is_success
        assert manager.patch(below, json={"seats": 3}).is_success
        assert manager.post(f"{below}/webhooks", json={"url": f"http://127.0.0.1:9/{LONG}"}).is_success
        assert manager.post(f"{below}/streams", json={}).is_success
        assert manager.post(f"{below}/capture", json={"minutes": 60}).is_success
    journaled(base, 6)


def overview(visitor: Visitor) -> None:
    """With its plots as tables, and the bar of a cycle."""
    visitor.page.get_by_text("As a table").first.click()
    visitor.page.get_by_label("Users in scope").fill("12")
    expect(visitor.page.get_by_role("progressbar", name="Progress of an initial cycle")).to_be_visible()


def month(visitor: Visitor) -> None:
    """The same of 30 days."""
    visitor.page.get_by_role("link", name="30 days").click()
    expect(visitor.page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")


def log(visitor: Visitor) -> None:
    """With all filters, a failure and its explanation, and what was captured."""
    page = visitor.page
    page.get_by_text("More filters").click()
    page.locator(".log summary", has_text="400").click()
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()
    page.get_by_text("what did the identity provider send?").click()
    expect(page.get_by_text("It runs until")).to_be_visible()


def log_of_all(visitor: Visitor) -> None:
    """Of all tenants together."""
    visitor.page.get_by_role("form", name="Filter").get_by_label("Tenant").select_option("All tenants")
    visitor.page.get_by_role("button", name="Filter", exact=True).click()
    expect(visitor.page.locator(".log .whose").first).to_be_visible()


def group(visitor: Visitor) -> None:
    """A group, its members and its history."""
    page = visitor.page
    page.get_by_role("navigation", name="Kind").get_by_role("link", name="Groups").click()
    page.get_by_role("region", name="Groups").get_by_role("link", name=SCRIPT).click()
    expect(page.get_by_role("link", name=LONG)).to_be_visible()


def user(visitor: Visitor) -> None:
    """A user, and the groups that it is in."""
    visitor.page.get_by_role("link", name=SCRIPT).click()
    expect(visitor.page.get_by_text("userName", exact=True)).to_be_visible()


def settled(_visitor: Visitor) -> None:
    """As it is."""


def question(visitor: Visitor) -> None:
    """What is asked before something is done."""
    visitor.page.get_by_role("button", name=f"Suspend: {SCRIPT}").click()
    expect(visitor.page.get_by_role("dialog")).to_be_visible()


VIEWS: list[tuple[str, Callable[[Visitor], None]]] = [
    ("Overview", overview),
    ("Overview", month),
    ("Provisioning log", log),
    ("Provisioning log", log_of_all),
    ("Directory", settled),
    ("Directory", group),
    ("", user),
    ("Customers", settled),
    ("", question),
]
"""By the name of a page, what is done there; nothing is gone to where the page is that of before."""


def shown(visitor: Visitor) -> Iterator[str]:
    """Show one view after another, and give the name of each."""
    visitor.signed_in("#/scim/overview")
    for name, show in VIEWS:
        if name:
            visitor.go(name)
        show(visitor)
        expect(visitor.page.locator("main [aria-busy=true]")).to_have_count(0)
        yield show.__name__


@pytest.fixture(params=SCREENS, ids=str)
def elsewhere(request: pytest.FixtureRequest, browser: Browser, lived_in: str) -> Iterator[Visitor]:
    """Somebody with a small, a usual or a wide screen, by day or by night, who wants no motion."""
    width, scheme = request.param
    options = {"viewport": {"width": width, "height": 640}, "color_scheme": scheme, "reduced_motion": "reduce"}
    with visiting(browser, lived_in, **options) as visitor:
        yield visitor


def test_every_page_fits_reads_well_and_runs_nothing(elsewhere: Visitor) -> None:
    """No violation of accessibility, nothing to scroll sideways, no motion, and names are text, whatever they hold."""
    elsewhere.open()
    elsewhere.fits()
    elsewhere.accessible()
    for _ in shown(elsewhere):
        elsewhere.accessible()
        elsewhere.fits()
        assert moving(elsewhere.page) == []
    assert elsewhere.page.evaluate("[window.hacked, document.querySelectorAll('main script').length]") == [None, 0]


def moving(page: Page) -> list[str]:
    """Return what moves although the reader wants no motion."""
    found: list[str] = page.evaluate("""() => {
        const one = (each) => parseFloat(each) * (/ms/.test(each) ? 1e-3 : 1);
        const seconds = (text) => Math.max(...text.split(',').map(one));
        const moves = (each, part) => {
            const style = getComputedStyle(each, part);
            return Math.max(seconds(style.transitionDuration), seconds(style.animationDuration)) > 0.001;
        };
        return [...document.querySelectorAll('body, body *')]
            .filter((each) => [undefined, '::before', '::after'].some((part) => moves(each, part)))
            .map((each) => each.outerHTML.slice(0, 99));
    }""")
    return found


REACHABLE = """() => {
    const inside = document.querySelector('dialog[open]') || document.body;
    const all = inside.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]');
    const seen = (each) => each.checkVisibility() && !each.disabled && each.getClientRects().length > 0;
    window.reachable = [...all].filter(seen);
    document.activeElement.blur();
    return window.reachable.map((each) => each.outerHTML.slice(0, 120));
}"""
FOCUSED = """() => {
    const {activeElement: each} = document;
    const style = getComputedStyle(each);
    return [window.reachable.indexOf(each), style.outlineStyle !== 'none' || style.boxShadow !== 'none'];
}"""


def test_every_page_can_be_walked_through_by_keyboard(browser: Browser, lived_in: str) -> None:
    """Tab comes to all that can be clicked or filled in, and what has the focus shows it."""
    with visiting(browser, lived_in, reduced_motion="reduce") as visitor:
        page = visitor.page
        for name in shown(visitor):
            wanted: list[str] = page.evaluate(REACHABLE)
            reached: set[int] = set()
            for _ in range(4 * len(wanted) + 20):  # a field for a time has several stops
                page.keyboard.press("Tab")
                number, visible = page.evaluate(FOCUSED)
                if visible:
                    reached.add(number)
                if len(reached - {-1}) == len(wanted):
                    break
            missed = [each for number, each in enumerate(wanted) if number not in reached]
            assert missed == [], f"{name}: not reached, or it does not show the focus: " + "\n".join(missed)
            assert wanted
