"""Names that clients have chosen, whatever is in them: they are shown as text in log and directory."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import Visitor, journaled, scim, visiting
from tests.console.test_log import rows

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "\u202egnp.exe\u202c",
    "<img src=x onerror='window.hacked = 1'>",
    "n" * 500,
)


@pytest.fixture
def on_a_telephone(browser: Browser, base: str) -> Iterator[Visitor]:
    """Somebody with a small screen."""
    with visiting(browser, base, viewport={"width": 320, "height": 640}) as made:
        yield made


def test_names_of_any_kind_are_shown_as_text(base: str, on_a_telephone: Visitor) -> None:
    """Nothing in them runs, turns the line around, or makes the page wider."""
    with scim(base) as client:
        for name in HOSTILE:
            assert client.post("/Users", json={"userName": name, "displayName": name}).status_code == 201
            group = client.post(
                "/Groups", json={"displayName": name, "members": []}, headers={"User-Agent": "<b>x</b>"}
            )
            assert group.status_code == 201
    journaled(base, 2 * len(HOSTILE))
    page = on_a_telephone.signed_in("#/scim/log")
    expect(rows(page)).to_have_count(2 * len(HOSTILE))
    for name in (HOSTILE[0], HOSTILE[2], HOSTILE[3][:100]):
        expect(page.locator("main bdi", has_text=name).first).to_be_attached()
    rows(page).first.locator("summary").click()
    expect(rows(page).first).to_contain_text("<b>x</b>")
    on_a_telephone.fits()
    on_a_telephone.go("Directory")
    for name in HOSTILE:
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    on_a_telephone.fits()
    page.get_by_role("link", name=HOSTILE[3], exact=True).click()
    expect(page.get_by_role("heading", name=HOSTILE[3])).to_be_visible()
    on_a_telephone.fits()
    on_a_telephone.accessible()
    assert page.evaluate("[window.hacked, document.querySelectorAll('main img, main script, main b').length]") == [
        None,
        0,
    ]
    assert page.evaluate("getComputedStyle(document.querySelector('main bdi')).unicodeBidi") == "isolate"
