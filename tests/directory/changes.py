"""Short ways to change the directory, and to read who is a member."""

from collections import Counter
from typing import Any

from tests.conftest import Answer, Http


async def patch(http: Http, path: str, *operations: dict[str, Any], **headers: str) -> Answer:
    return await http.request("PATCH", path, {"Operations": list(operations)}, headers)


def replacing(path: str, value: object) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def members(op: str, *ids: str) -> dict[str, Any]:
    return {"op": op, "path": "members", "value": [{"value": each} for each in ids]}


def kinds_of(changes: Any) -> Counter[str]:
    """Count the changes of a commit by their sort and the first letter of their keys."""
    return Counter(f"{type(change).__name__} {change.key[0]}" for change in changes)


async def users(http: Http, count: int) -> list[str]:
    return [(await http.user(f"u{number}"))["id"] for number in range(count)]


async def member_ids(http: Http, group_id: str) -> set[str]:
    found = (await http.request("GET", f"/Groups/{group_id}")).body
    return {each["value"] for each in found.get("members", [])}


async def group_ids(http: Http, user_id: str) -> set[str]:
    found = (await http.request("GET", f"/Users/{user_id}")).body
    return {each["value"] for each in found.get("groups", [])}
