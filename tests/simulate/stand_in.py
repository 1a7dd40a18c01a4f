"""A small SCIM endpoint in memory that understands Entra's two dialects, to try the simulator on."""

import asyncio
import copy
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

TOKEN = "stand-in-token"
_FILTER = re.compile(r'(?P<path>.+?) eq "(?P<value>.*)"')
_PATH = re.compile(r'(?:(?P<urn>urn:.+:))?(?P<name>\w+)(?:\[(?P<key>\w+) eq "(?P<kind>[^"]+)"\])?(?:\.(?P<sub>\w+))?')


@dataclass(frozen=True)
class Seen:
    """One request as it came over the wire; `query` is still encoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


class StandIn:
    """Answers on a loopback port from a thread of its own; `fault` may answer in its place."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, dict[str, Any]]] = {"Users": {}, "Groups": {}}
        self.requests: list[Seen] = []
        self.fault: Callable[[Seen], web.Response | None] = lambda _: None
        self._next = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> str:
        """Return the Tenant URL once the endpoint listens."""
        self._thread.start()
        port: int = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return f"http://127.0.0.1:{port}/scim/v2"

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def user(self, name: str) -> dict[str, Any]:
        return next(user for user in self.resources["Users"].values() if user["userName"] == name)

    def sent(self, method: str, part: str = "") -> list[Seen]:
        """Return the requests of a method whose path or query holds `part`."""
        return [seen for seen in self.requests if seen.method == method and part in f"{seen.path}?{seen.query}"]

    async def _listen(self) -> int:
        application = web.Application()
        application.router.add_route("*", "/scim/v2/{kind:Users|Groups}", self._answer)
        application.router.add_route("*", "/scim/v2/{kind:Users|Groups}/{id}", self._answer)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def _answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        seen = Seen(
            request.method,
            request.path.removeprefix("/scim/v2"),
            request.raw_path.partition("?")[2],
            dict(request.headers),
            json.loads(text) if text else None,
        )
        self.requests.append(seen)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return error(401, "The token is wrong")
        faulty = self.fault(seen)
        return faulty or self.respond(seen, request.match_info["kind"], request.match_info.get("id"))

    def respond(self, seen: Seen, kind: str, identifier: str | None) -> web.Response:
        store = self.resources[kind]
        if identifier is None:
            return self._create(kind, seen.body) if seen.method == "POST" else self._list(store, seen.query)
        if identifier not in store:
            return error(404, f"{identifier} does not exist")
        if seen.method == "DELETE":
            del store[identifier]
            for group in self.resources["Groups"].values():
                group["members"] = [m for m in group.get("members", []) if m["value"] != identifier]
            return web.Response(status=204)
        if seen.method == "PATCH":
            for operation in seen.body["Operations"]:
                self._apply(store[identifier], operation)
            return web.Response(status=204)
        return scim(200, shown(store[identifier], seen.query))

    def _create(self, kind: str, body: dict[str, Any]) -> web.Response:
        unique = "userName" if kind == "Users" else "displayName"
        if any(other[unique].lower() == body[unique].lower() for other in self.resources[kind].values()):
            return error(409, f"{unique} {body[unique]} is taken", "uniqueness")
        self._next += 1
        resource = copy.deepcopy(body) | {"id": f"{kind[0].lower()}{self._next}"}
        self.resources[kind][resource["id"]] = resource
        return scim(201, resource)

    def _list(self, store: dict[str, dict[str, Any]], query: str) -> web.Response:
        parameters = {name: values[0] for name, values in parse_qs(query).items()}
        found = list(store.values())
        if "filter" in parameters:
            match = _FILTER.fullmatch(parameters["filter"])
            assert match is not None
            wanted = json.loads(f'"{match["value"]}"').lower()
            found = [r for r in found if any(str(v).lower() == wanted for v in _values(r, match["path"]))]
        start, count = int(parameters.get("startIndex", 1)), int(parameters.get("count", 1000))
        page = [shown(resource, query) for resource in found[start - 1 : start - 1 + count]]
        envelope = {"totalResults": len(found), "startIndex": start, "itemsPerPage": len(page), "Resources": page}
        return scim(200, envelope)

    def _apply(self, resource: dict[str, Any], operation: dict[str, Any]) -> None:
        verb, path = operation["op"].lower(), operation.get("path")
        value: Any = operation.get("value")
        if path is None:
            for key, each in value.items():
                _set(resource, key, each)
        elif path.startswith("members"):
            chosen = re.findall(r'"([^"]+)"', path) or [member["value"] for member in value]
            kept = [m for m in resource.get("members", []) if m["value"] not in chosen]
            resource["members"] = kept + [{"value": m} for m in chosen] if verb == "add" else kept
        elif verb == "remove":
            urn, _, name = path.rpartition(":")
            resource.get(urn, resource).pop(name, None)
        else:
            _set(resource, path, value)


def _values(resource: dict[str, Any], path: str) -> list[Any]:
    name, _, rest = path.partition("[")
    value = resource.get(name)
    return [v["value"] for v in value if v["type"] == "work"] if rest and value else [value]


def _set(resource: dict[str, Any], path: str, value: Any) -> None:
    """Put the value where a PATCH path points, making what lacks on the way."""
    match = _PATH.fullmatch(path)
    assert match is not None, path
    holder = resource.setdefault(match["urn"][:-1], {}) if match["urn"] else resource
    if path == "active":
        value = value in (True, "True")
    if match["name"] == "manager":
        value = {"value": value} if isinstance(value, str) else value
    if match["kind"]:
        elements = holder.setdefault(match["name"], [])
        if not elements:
            elements.append({"type": match["kind"]})
        elements[0][match["sub"]] = value
    elif match["sub"]:
        holder.setdefault(match["name"], {})[match["sub"]] = value
    else:
        holder[match["name"]] = value


def shown(resource: dict[str, Any], query: str) -> dict[str, Any]:
    hidden = "members" if "excludedAttributes=members" in query else None
    return {name: value for name, value in resource.items() if name != hidden}


def scim(status: int, body: dict[str, Any]) -> web.Response:
    return web.Response(status=status, text=json.dumps(body), content_type="application/scim+json")


def error(status: int, detail: str, scim_type: str | None = None, **headers: str) -> web.Response:
    body = {"status": str(status), "detail": detail} | ({"scimType": scim_type} if scim_type else {})
    response = scim(status, body)
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response
