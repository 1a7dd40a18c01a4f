"""The overview: whether provisioning is alive, in plain words, figures and plots, and how often it asks."""

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser import Visitor, journaled, scim


@pytest.fixture(scope="module")
def base(shared: str) -> str:
    """Nothing here is in the way of another test."""
    return shared


@pytest.fixture(scope="module")
def provisioned(base: str) -> str:
    """A service with some users, and a failure."""
    with scim(base) as client:
        for number in range(3):
            client.post("/Users", json={"userName": f"user-{number}@contoso.example", "active": number > 0})
        assert client.post("/Users", json={"userName": "USER-1@contoso.example"}).status_code == 409
    journaled(base, 4)
    return base


def figure(page: Page, name: str) -> str:
    """Return the number on a tile."""
    return page.locator(".tiles div", has=page.locator("dt", has_text=name)).locator("dd").first.inner_text()


def test_it_says_how_many_there_are_and_what_failed(provisioned: str, visitor: Visitor) -> None:
    """From rows that are small, whatever the number of requests."""
    page = visitor.signed_in()
    expect(page.locator(".tiles")).to_contain_text("Failures")
    assert (figure(page, "Users"), figure(page, "Failures")) == ("3", "1")
    expect(page.locator(".tiles")).to_contain_text("2 active, 1 inactive")
    expect(page.locator(".facts").first).to_contain_text("Storageanswers")
    expect(page.get_by_role("heading", name="Provisioning runs")).to_be_visible()
    expect(page.get_by_text("1 failure in the last 24 hours")).to_be_visible()
    link = page.get_by_role("link", name="uniqueness")
    expect(link).to_be_visible()
    expect(page.get_by_role("img", name="Requests and failures")).to_be_visible()
    page.get_by_role("link", name="30 days").click()
    expect(page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")
    visitor.accessible()


def test_the_figures_of_a_plot_can_be_read_as_a_table(provisioned: str, visitor: Visitor) -> None:
    """By those who do not see it."""
    page = visitor.signed_in()
    page.get_by_text("As a table").first.click()
    table = page.get_by_role("region", name="Requests and failures")
    expect(table.get_by_role("row")).to_have_count(25)
    expect(table.get_by_role("row").last).to_contain_text("4")
    visitor.accessible()


def test_silence_is_told_in_plain_words(provisioned: str, visitor: Visitor) -> None:
    """And how often Entra comes, so that the reader can tell silence from waiting."""
    visitor.page.clock.install()
    page = visitor.signed_in()
    expect(page.get_by_text("Entra comes about every 40 minutes")).to_be_visible()
    page.clock.fast_forward("03:20:00")
    expect(page.get_by_text("No request for 3 hr 20 min")).to_be_visible()
    expect(page.get_by_role("heading", name="Needs a look")).to_be_visible()


def test_it_asks_once_a_minute_and_only_while_it_is_seen(provisioned: str, visitor: Visitor) -> None:
    """One request for all panels; on Flex each is a second of an instance."""
    visitor.page.clock.install()
    page = visitor.signed_in()
    expect(page.get_by_role("heading", name="Signs of life")).to_be_visible()
    overviews = "GET tenants/scim/overview"
    assert visitor.asked.count(overviews) == 1
    page.clock.run_for(59_000)
    assert visitor.asked.count(overviews) == 1
    with page.expect_response("**/overview"):
        page.clock.run_for(2_000)
    seen(page, hidden=True)
    page.clock.run_for(600_000)
    assert visitor.asked.count(overviews) == 2
    with page.expect_response("**/overview"):
        seen(page, hidden=False)
        page.clock.run_for(1)
    assert visitor.asked.count(overviews) == 3
    assert set(visitor.asked) == {"GET tenants", overviews}


def seen(page: Page, hidden: bool) -> None:
    """Have the page believe that it can be seen, or not."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_what_has_not_changed_is_not_sent_again(provisioned: str, visitor: Visitor) -> None:
    """The page names the version that it has."""
    visitor.page.clock.install()
    page = visitor.signed_in()
    expect(page.get_by_role("heading", name="Signs of life")).to_be_visible()
    statuses: list[int] = []
    while 304 not in statuses[-1:] and len(statuses) < 5:  # the timer, which runs at the start, may change something
        with page.expect_response("**/overview") as answered:
            page.clock.run_for(61_000)
        statuses.append(answered.value.status)
    assert statuses[-1] == 304
    expect(page.get_by_role("heading", name="Signs of life")).to_be_visible()


def test_live_asks_every_five_seconds_for_ten_minutes(provisioned: str, visitor: Visitor) -> None:
    """Then it stops by itself, and the page has said so before."""
    visitor.page.clock.install()
    page = visitor.signed_in()
    live = page.get_by_role("button", name="Live")
    expect(live).to_have_attribute(
        "title",
        "Asks every 5 seconds for 10 minutes, then each minute again: each question is a second of an instance.",
    )
    live.click()
    expect(live).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("then each minute again").first).to_be_visible()
    for _ in range(3):
        with page.expect_response("**/overview"):
            page.clock.run_for(5_000)
    page.clock.fast_forward(600_000)
    expect(live).to_have_attribute("aria-pressed", "false")
    with page.expect_response("**/overview"):
        page.clock.run_for(60_000)
    asked = len(visitor.asked)
    page.clock.run_for(50_000)
    assert len(visitor.asked) == asked


def test_an_outage_leaves_what_is_shown_and_says_so(provisioned: str, visitor: Visitor) -> None:
    """And the next answer takes the remark away."""
    visitor.page.clock.install()
    page = visitor.signed_in()
    expect(page.get_by_role("heading", name="Signs of life")).to_be_visible()
    page.route("**/overview", lambda route: route.abort())
    page.clock.run_for(61_000)
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    expect(page.get_by_role("heading", name="Signs of life")).to_be_visible()
    page.unroute("**/overview")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_running_cycle_shows_how_far_it_is(provisioned: str, visitor: Visitor) -> None:
    """Of as many users as the reader says that Entra has in scope."""
    page = visitor.signed_in()
    page.get_by_label("Users in scope").fill("12")
    bar = page.get_by_role("progressbar", name="Progress of an initial cycle")
    expect(bar).to_have_attribute("value", "3")
    expect(page.get_by_text("3 of 12 users are here, 25%")).to_be_visible()
    visitor.accessible()
