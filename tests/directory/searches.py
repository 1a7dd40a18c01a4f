"""Short ways to search, and to read who was found."""

from typing import Any
from urllib.parse import quote

from tests.conftest import Answer, Http

MISSING = "f" * 32


async def search(http: Http, path: str, **parameters: Any) -> Answer:
    query = "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
    return await http.request("GET", f"{path}?{query}")


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    found = answer.body["Resources"]
    return [each.get("userName", each.get("displayName", "")).partition("@")[0] for each in found]


async def found(http: Http, filter_text: str, path: str = "/Users") -> set[str]:
    return set(names(await search(http, path, filter=filter_text)))


async def walk(http: Http, path: str, between: Any = None, **parameters: Any) -> list[list[str]]:
    """Return the names on each page of a walk by cursor to its end."""
    pages, cursor = [], ""
    for number in range(50):
        answer = await search(http, path, cursor=cursor, **parameters)
        pages.append(names(answer))
        assert "startIndex" not in answer.body
        if "nextCursor" not in answer.body:
            return pages
        cursor = answer.body["nextCursor"]
        if between:
            await between(number)
    raise AssertionError("the walk does not end")
