"""The SCIM requests that Entra sends, and what it demands of the answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, quote_plus

from scim.simulate.wire.failure import INCOMPATIBLE, MULTIPLE, Failure, refusal
from scim.simulate.wire.measures import Measures
from scim.simulate.wire.transport import Answer, Transport

Resource = dict[str, Any]


class Kind(StrEnum):
    """The two resource types, by their endpoint."""

    USERS = "Users"
    GROUPS = "Groups"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: what it holds, where it says it starts, and how many there are in all."""

    resources: list[Resource]
    start_index: int | None
    total: int


class Endpoint:
    """A SCIM service as Entra sees it. Every method raises Failure when the answer is not the one due."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def measures(self) -> Measures:
        return self._transport.measures

    async def match(self, kind: Kind, attribute: str, value: str) -> list[Resource]:
        """Return the resources whose attribute equals the value; groups come without members."""
        condition = f"filter={quote_plus(f'{attribute} eq {json.dumps(value, ensure_ascii=False)}')}"
        query = condition if kind is Kind.USERS else f"excludedAttributes=members&{condition}"
        answer = await self._transport.request(f"match {kind}", "GET", f"/{kind}?{query}")
        if answer.status != 200:
            failure = refusal(answer.status, answer.detail())
            if answer.status == 404:
                detail = f"HTTP/404 Not Found was returned rather than the expected HTTP/200: {failure.detail}"
                raise Failure(INCOMPATIBLE, detail, 404, quarantines=True)
            raise failure
        found = _listed(answer).resources
        for group in found if kind is Kind.GROUPS else ():
            self._without_members(group)
        return found

    async def get(self, kind: Kind, identifier: str, label: str | None = None) -> Resource:
        """Return a resource by id; groups come without members."""
        query = "" if kind is Kind.USERS else "?excludedAttributes=members"
        resource = await self.read(kind, identifier, query, label or f"get {kind}")
        if kind is Kind.GROUPS:
            self._without_members(resource)
        return resource

    async def read(self, kind: Kind, identifier: str, query: str, label: str) -> Resource:
        """Return a resource by id as the query asks for it."""
        path = f"/{kind}/{quote(identifier, safe='')}{query}"
        answer = await self._transport.request(label, "GET", path)
        return _due(answer, 200).document()

    def _without_members(self, group: Resource) -> None:
        if group.get("members"):
            raise Failure(MULTIPLE, "excludedAttributes=members still answers members", 200)
        if "members" in group:
            self.measures.remarks["excludedAttributes=members answers an empty members list"] += 1

    async def create(self, kind: Kind, body: Mapping[str, Any]) -> Resource:
        """Create a resource and return it as answered, with its id."""
        answer = await self._transport.request(f"create {kind}", "POST", f"/{kind}", body)
        resource = _due(answer, 200, 201).document()
        identifier = resource.get("id")
        if not isinstance(identifier, str) or not identifier:
            raise Failure(INCOMPATIBLE, "The answer to a create request has no id", answer.status)
        if answer.status == 200:
            self.measures.remarks["POST answers 200 instead of 201"] += 1
        return resource

    async def patch(self, kind: Kind, identifier: str, body: Mapping[str, Any], label: str) -> None:
        path = f"/{kind}/{quote(identifier, safe='')}"
        answer = _due(await self._transport.request(label, "PATCH", path, body), 200, 204)
        if answer.status == 200 and not answer.text:
            self.measures.remarks["PATCH answers 200 without a body"] += 1
        if kind is Kind.GROUPS and answer.status == 200 and '"members"' in answer.text:
            self.measures.remarks["PATCH of a group answers members, which cost much and serve nobody"] += 1

    async def delete(self, kind: Kind, identifier: str) -> None:
        """Delete a resource; one that is already gone counts as deleted, as after a lost answer."""
        path = f"/{kind}/{quote(identifier, safe='')}"
        answer = await self._transport.request(f"delete {kind}", "DELETE", path)
        if answer.status == 404:
            self.measures.remarks["DELETE answers 404"] += 1
            return
        _due(answer, 200, 204)

    async def page(self, kind: Kind, start_index: int, count: int) -> Page:
        """Return one page of a list, groups without members."""
        extra = "" if kind is Kind.USERS else "&excludedAttributes=members"
        path = f"/{kind}?startIndex={start_index}&count={count}{extra}"
        return _listed(_due(await self._transport.request(f"list {kind}", "GET", path), 200))


def _due(answer: Answer, *statuses: int) -> Answer:
    if answer.status not in statuses:
        raise refusal(answer.status, answer.detail())
    return answer


def _listed(answer: Answer) -> Page:
    """Return the page in a ListResponse. RFC 7644 section 3.4.2: Resources may be absent when it is empty."""
    document = answer.document()
    total, resources = document.get("totalResults"), document.get("Resources", [])
    if not isinstance(total, int) or not isinstance(resources, list):
        raise Failure(INCOMPATIBLE, "A list answer needs a number totalResults and a list Resources", answer.status)
    if any(not isinstance(r, dict) or not isinstance(r.get("id"), str) for r in resources):
        raise Failure(INCOMPATIBLE, "A resource in a list answer has no id", answer.status)
    start = document.get("startIndex")
    return Page(resources, start if isinstance(start, int) else None, total)
