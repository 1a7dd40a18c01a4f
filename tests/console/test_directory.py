"""The directory: somebody is found and shown, page by page, and nothing is changed; and all of it by keyboard alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser import OPERATOR, Visitor, scim

MEMBERS = 120


@pytest.fixture
def group(base: str) -> str:
    """A group of many; its id is returned."""
    with scim(base) as client:
        ids = [
            client.post(
                "/Users", json={"userName": f"user-{number:03}@contoso.example", "externalId": f"x-{number}"}
            ).json()["id"]
            for number in range(MEMBERS)
        ]
        body = {"displayName": "Everybody", "members": [{"value": each} for each in ids]}
        return str(client.post("/Groups", json=body).json()["id"])


def test_a_user_is_found_by_what_one_knows_of_it(group: str, visitor: Visitor) -> None:
    """Part of a name, or the externalId; with attributes and groups."""
    page = visitor.signed_in("#/scim/directory")
    links = page.get_by_role("region", name="Users").get_by_role("link")
    expect(links).to_have_count(50)
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_role("button", name="First page")).to_be_visible()
    for text, count in (("USER-11", 10), ("x-7", 1), ("nobody", 0)):
        page.get_by_label("Find", exact=True).fill(text)
        page.get_by_role("button", name="Find").click()
        expect(links).to_have_count(count)
    expect(page.get_by_text("Nobody fits.")).to_be_visible()  # the form is made anew with what was found
    page.get_by_label("Find", exact=True).fill("x-7")
    page.get_by_label("Find", exact=True).press("Enter")
    links.click()
    expect(page.get_by_role("heading", name="user-007@contoso.example")).to_be_visible()
    expect(page.locator("main")).to_contain_text("externalId")
    page.get_by_role("link", name="Everybody").click()
    expect(page).to_have_url(re.compile(f"#/scim/directory/groups/{group}"))
    assert all(each.startswith("GET ") for each in visitor.asked)


def test_members_come_a_page_at_a_time(group: str, visitor: Visitor) -> None:
    """However many there are."""
    page = visitor.signed_in(f"#/scim/directory/groups/{group}")
    members = page.locator("section", has=page.get_by_role("heading", name="Members")).get_by_role("link")
    more = page.get_by_role("button", name="Show more: Members")
    for count in (50, 100):
        expect(members).to_have_count(count)
        more.click()
    expect(members).to_have_count(MEMBERS)
    expect(more).to_have_count(0)
    visitor.accessible()


def test_who_was_deleted_still_has_a_history(group: str, base: str, visitor: Visitor) -> None:
    """Who took it away, and when."""
    with scim(base) as client:
        client.delete(f"/Groups/{group}")
    page = visitor.signed_in(f"#/scim/directory/groups/{group}")
    expect(page.get_by_text("It was deleted; what is kept is its history.")).to_be_visible()
    expect(page.get_by_text("Deleted", exact=True)).to_be_visible()


def press_until(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so, and check that the focus can be seen."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => {
                const {activeElement: each} = document;
                if (each === document.body) return ['', false];
                const style = getComputedStyle(each);
                const seen = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
                return [each.getAttribute('aria-label') || each.innerText || each.name || '', seen];
            }"""
        )
        if name in focused[0]:
            assert focused[1], f"{name} does not show that it has the focus"
            return
    raise AssertionError(f"no way by Tab to {name}")


def test_all_of_it_can_be_done_by_keyboard(group: str, base: str, visitor: Visitor) -> None:
    """From signing in to the explanation of a failure, and to a dialog and back."""
    with scim(base) as client:
        client.get("/Users/unknown")
    visitor.open()
    expect(visitor.page.get_by_label("Credential", exact=True)).to_be_focused()
    page, keyboard = visitor.page, visitor.page.keyboard
    keyboard.type(OPERATOR)
    keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="SCIM console")).to_be_visible()
    press_until(page, "To the content")
    keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    press_until(page, "Provisioning log")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Provisioning log")).to_be_visible()
    expect(page.get_by_role("list", name="Requests, newest first")).to_contain_text("404")
    press_until(page, "404")
    keyboard.press("Space")
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()
    press_until(page, "Customers")
    keyboard.press("Enter")
    expect(page.get_by_role("button", name="Suspend: Default tenant")).to_be_visible()
    press_until(page, "Suspend: Default tenant")
    keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Suspend")).to_be_visible()
    keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Suspend: Default tenant")).to_be_focused()
