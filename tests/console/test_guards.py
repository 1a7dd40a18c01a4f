"""Seats and guarded groups in the browser: how many are taken, who may change that, and what the overview says."""

import re

import httpx
from playwright.sync_api import expect

from tests.console.browser import OPERATOR, Visitor, scim
from tests.console.test_customers import section
from tests.console.test_signing_in import administrator


def test_seats_are_set_and_told_in_plain_words(visitor: Visitor, base: str) -> None:
    """Where they are set, in the list of customers, and in the overview once they become few."""
    with scim(base) as client:
        for name, active in (("mira", True), ("omar", True), ("ada", False)):
            client.post("/Users", json={"userName": name, "active": active})
    page = visitor.signed_in("#/scim/customers")
    guards = section(page, re.compile("Guards"))
    expect(guards).to_contain_text("Any number of users may be active.")
    guards.get_by_label("Most active users").fill("2")
    guards.get_by_role("button", name="Set").click()
    expect(guards).to_contain_text("2 of 2 seats are taken.")
    visitor.accessible()
    visitor.go("Overview")
    expect(page.get_by_text("All seats are taken: 2 users are active, and 2 may be.")).to_be_visible()
    expect(page.locator(".facts", has_text="Seats")).to_contain_text("2 of 2 seats are taken.")
    visitor.go("Customers")
    expect(page.get_by_role("region", name="Tenants").get_by_role("row").last).to_contain_text("2")
    guards.get_by_label("Most active users").fill("")
    guards.get_by_role("button", name="Set").click()
    expect(guards).to_contain_text("Any number of users may be active.")


def test_a_group_is_guarded_and_no_more(visitor: Visitor, base: str) -> None:
    """By an operator; whoever administers the tenant sees it."""
    with scim(base) as client:
        client.post("/Groups", json={"displayName": "<b>Administrators</b>"})
    page = visitor.signed_in("#/scim/customers")
    guards = section(page, re.compile("Guards"))
    guards.get_by_label("Group", exact=True).fill("<b>administrators</b>")
    guards.get_by_label(re.compile("Strict")).check()
    guards.get_by_role("button", name="Guard", exact=True).click()
    expect(guards.get_by_role("row").last).to_contain_text("<b>Administrators</b>")
    expect(guards.get_by_role("row").last).to_contain_text("strict: the user may not be disabled either")
    visitor.accessible()
    guards.get_by_role("button", name="Guard no more").click()
    expect(guards).to_contain_text("No group is guarded.")


def test_an_administrator_sees_the_seats_and_changes_none(visitor: Visitor, base: str) -> None:
    """They are the provider's."""
    seats = {"seats": 5}
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    assert httpx.patch(f"{base}/manage/v1/tenants/scim", json=seats, headers=headers).status_code == 200
    page = visitor.signed_in("#/scim/customers", administrator(base, "scim"))
    guards = section(page, re.compile("Guards"))
    expect(guards).to_contain_text("0 of 5 seats are taken.")
    assert guards.get_by_role("form").count() == 0
