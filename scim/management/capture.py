"""The capture of a tenant over HTTP: begun, ended, shown, and saved as a recording."""

from collections.abc import Awaitable, Callable
from functools import partial

from scim.access.credential import Credential
from scim.directory.aside import aside
from scim.directory.capture import MAX_REQUESTS
from scim.management.answers import answer
from scim.management.captures import DEFAULT_MINUTES, MAX_CHARACTERS, Captures, as_file
from scim.management.parameters import count_of, given, members
from scim.service.answers import Parameters
from scim.service.messages import JSON, NO_STORE, Request, Response

PAGE = ("count", "cursor")


class CaptureRoutes:
    """Each public method that a route names takes the request, the caller's credential and the path's parameters."""

    def __init__(self, captures: Callable[[str], Awaitable[Captures]]) -> None:
        self._captures = captures

    async def start_capture(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Capture from now on."""
        body = members(request, {"minutes": int, "requests": int, "values": str}) if request.body else {}
        captures = await self._captures(parameters["key"])
        state = await captures.start(
            body.get("minutes", DEFAULT_MINUTES), body.get("requests", MAX_REQUESTS), body.get("values", "masked")
        )
        return answer(201, state)

    async def stop_capture(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Capture nothing more."""
        return answer(200, await (await self._captures(parameters["key"])).stop())

    async def show_capture(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """What is captured, and a page of the exchanges."""
        asked = given(request.query(), PAGE, "a capture")
        captures = await self._captures(parameters["key"])
        return answer(200, await captures.show(count_of(asked), asked.get("cursor", "")))

    async def show_exchange(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """One exchange."""
        captures = await self._captures(parameters["key"])
        return answer(200, await captures.exchange(parameters["id"]))

    async def download_capture(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """What was captured last, as a file that can be replayed."""
        captures = await self._captures(parameters["key"])
        name = f'attachment; filename="capture-{parameters["key"][:20].lower()}.json"'
        headers = {**NO_STORE, "Content-Disposition": name}
        recorded = await captures.download()
        content = await aside(partial(as_file, recorded), MAX_CHARACTERS)  # how long it is shows only then
        return Response(200, None, headers, JSON, written=content)
