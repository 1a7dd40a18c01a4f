"""What the tests of searches share: a crew to look for."""

from typing import Any

import pytest

from tests.conftest import Clock, Http
from tests.samples import ENTERPRISE


@pytest.fixture
async def crew(http: Http, clock: Clock) -> dict[str, Any]:
    """Five people, one minute apart, and two groups; by name."""
    people: list[tuple[str, dict[str, Any]]] = [
        ("mira", {"title": "Captain", "active": True, "emails": [{"value": "m@sea.example", "type": "work"}]}),
        ("nils", {"title": "Pilot", "active": False, "externalId": "X-2", "nickName": 'Quote " and \\ slash'}),
        ("ida", {"title": "pilot", "active": True, "emails": [{"value": "i@sea.example", "primary": True}]}),
        ("tom", {"active": True, ENTERPRISE: {"employeeNumber": "7", "department": "Deck"}}),
        ("\u00fcrsel", {"title": "Cook", "emails": [{"value": "u@home.example", "type": "home"}]}),
    ]
    made = {}
    for name, attributes in people:
        made[name] = await http.user(name, **attributes)
        clock.forward(minutes=1)
    manager = {"op": "add", "path": f"{ENTERPRISE}:manager", "value": made["mira"]["id"]}
    await http.request("PATCH", f"/Users/{made['tom']['id']}", {"Operations": [manager]})
    made["Deck"] = await http.group("Deck", made["mira"]["id"], made["tom"]["id"])
    made["Galley"] = await http.group("Galley")
    return made
