"""A stand-in of the Azure Functions host in front of the real language worker: it finds the function for a request."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from scim.host import HttpTrigger, find, in_order
from tests.worker import HttpRequest, HttpResponse, Worker


class FunctionsHost:
    """One worker with one function app, behind the app's routes. As the worker, one at a time."""

    def __init__(self) -> None:
        self.worker = Worker()
        self._triggers: list[HttpTrigger] = []

    async def start(self, app: Path) -> None:
        """Let the worker find and load the functions of the function_app.py in a folder."""
        for name in await self.worker.index(app):
            await self.worker.load(name)
            trigger = self.worker.trigger(name)
            if trigger["type"] == "httpTrigger":
                methods = frozenset(str(each).upper() for each in trigger["methods"])
                self._triggers.append(HttpTrigger(name, methods, trigger["route"]))
        self._triggers = in_order(self._triggers)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Call the function that a request belongs to; a request that belongs to none gets the host's bare 404."""
        found = find(self._triggers, request.method, urlsplit(request.url).path)
        if found is None:
            return HttpResponse(404, {}, b"")
        function, parameters = found
        return await self.worker.invoke(function.name, replace(request, route_params=parameters))
