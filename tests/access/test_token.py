"""Secret tokens: their form, and what cannot be one."""

import pytest

from scim.access.token import id_of, made


def test_a_token_is_recognised_by_sight() -> None:
    """A beginning of its own for scanners, letters and digits that a double click selects, short enough for Entra."""
    token = made()
    assert token.text.startswith("scim_")
    assert token.text.replace("_", "").isalnum()
    assert token.text.islower()
    assert len(token.text) == 80
    assert id_of(token.text) == token.id


def test_no_two_tokens_are_alike() -> None:
    """Neither in the id nor in the secret."""
    tokens = [made() for _ in range(100)]
    assert len({each.id for each in tokens}) == len({each.text[21:73] for each in tokens}) == 100


def test_a_token_is_shown_nowhere_by_mistake() -> None:
    """What is printed or logged of it is its id."""
    token = made()
    assert token.text not in repr(token)


@pytest.mark.parametrize("position", range(5, 80, 7))
def test_a_typing_error_is_seen_without_asking_anybody(position: int) -> None:
    """The checksum covers id and secret."""
    text = made().text
    other = "a" if text[position] != "a" else "b"
    assert id_of(text[:position] + other + text[position + 1 :]) is None


@pytest.mark.parametrize("text", ["", "scim_", "a-token-of-another-kind", "scim_" + "a" * 75, "\U0001f600" * 80])
def test_garbage_has_no_id(text: str) -> None:
    """So that no store is asked for it."""
    assert id_of(text) is None


def test_upper_case_is_another_token() -> None:
    """The secret is taken as it is."""
    assert id_of(made().text.upper()) is None
