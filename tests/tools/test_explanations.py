"""What the console says of errors is what docs/errors.md says."""

from typing import Any

import pytest

from tools.explanations import SOURCE, TARGET, escrow, explanations, written

PAGE = SOURCE.read_text(encoding="utf-8")
FOUND = explanations(PAGE)


def test_the_console_has_what_the_page_says() -> None:
    """One source: after a change of the page, `make explanations` writes the module anew."""
    assert TARGET.read_text(encoding="utf-8") == written(PAGE)


@pytest.mark.parametrize("found", FOUND, ids=[each["name"] for each in FOUND])
def test_each_error_is_explained(found: dict[str, Any]) -> None:
    """With what it means, what Entra does, and what to do about it, where there is something to do."""
    assert found["means"]
    assert found["entra"]
    assert found["do"] or found["name"] == "NotImplementedHere"
    assert not [text for part in ("means", "do", "entra") for text in found[part] if "](" in text or "```" in text]


def test_errors_of_one_status_are_told_apart() -> None:
    """By how their examples begin, where scimType does not say."""
    for one in FOUND:
        alike = [each for each in FOUND if (each["status"], each["scimType"]) == (one["status"], one["scimType"])]
        assert len(alike) == 1 or all(each["begins"] for each in alike)


def test_it_is_said_when_entra_tries_again() -> None:
    """In hours and days."""
    assert "6, 12 and 24 hours" in escrow(PAGE)
