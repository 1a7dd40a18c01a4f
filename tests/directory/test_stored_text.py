"""Stored text has no character of which nobody knows whether Table Storage takes it."""

import json

import pytest

from scim.app import App
from scim.protocol.resource import to_json, to_stored_json
from tests.conftest import Http
from tests.recording import RecordingRows

DOUBTFUL = [chr(0x7F), chr(0x80), chr(0x85), chr(0x9F), chr(0xFFFE), chr(0xFFFF)]
KEPT = ["é", "漢", "👍", chr(0xA0), chr(0xFFFD), chr(0x2028), chr(0x1FFFE)]


@pytest.mark.parametrize("character", DOUBTFUL, ids=ascii)
async def test_a_doubtful_character_is_stored_as_its_number(http: Http, rows: RecordingRows, character: str) -> None:
    """It comes back as it was sent, on a store that takes only what is certain; a search finds it too."""
    title = f"a{character}b\\u0041"
    made = await http.user("mira", title=title, nickName=character * 3)
    assert made["title"] == title
    assert (await http.request("GET", f"/Users/{made['id']}")).body["title"] == title
    bodies = [row.body for row in await rows.range("scim", "", "~", 100)]
    assert not [body for body in bodies if character in body]
    found = await http.request("POST", "/Users/.search", {"filter": f"nickName eq {json.dumps(character * 3)}"})
    assert found.body["totalResults"] == 1


@pytest.mark.parametrize("character", DOUBTFUL, ids=ascii)
async def test_an_event_that_repeats_it_is_stored_so_too(
    app: App, http: Http, rows: RecordingRows, character: str
) -> None:
    """Names and externalIds stand in events, waiting ones and those with a number; readers get them as they were."""
    external_id = f"a{character}b"
    await http.user("mira", externalId=external_id)
    waiting = await rows.range("scim", "o.", "o.~", 10)
    page = await app.feed.page("")
    assert page.events[0]["data"]["externalId"] == external_id
    numbered = await rows.range("scim", "f.", "f.~", 10)
    assert [len(waiting), len(numbered)] == [1, 1]
    assert not [row.body for row in (*waiting, *numbered) if character in row.body]


@pytest.mark.parametrize("character", KEPT, ids=ascii)
def test_all_other_characters_are_stored_as_they_are(character: str) -> None:
    """They take no more room than they need."""
    assert to_stored_json({character: character}) == to_json({character: character})


@pytest.mark.parametrize("character", DOUBTFUL, ids=ascii)
def test_the_text_means_the_same(character: str) -> None:
    """Also in names, and next to what is escaped already."""
    value = {character: [f'"\\{character}', f"\\u007f{character}"]}
    text = to_stored_json(value)
    assert json.loads(text) == value
    assert character not in text
