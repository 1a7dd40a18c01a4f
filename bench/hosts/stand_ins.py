"""Stand-ins for Key Vault and for the endpoint that gives a managed identity its tokens."""

import asyncio
import ssl
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from aiohttp import web

from tests.azure.vault.certificate import self_signed
from tests.azure.vault.stand_in import ACCESS_TOKEN, Vault

TOKEN = "a-token-made-up-for-measuring"  # noqa: S105


@contextmanager
def stand_ins() -> Iterator[dict[str, str]]:
    """Run both in a thread; the value is the environment of a function app that is to use them."""
    ready: list[dict[str, str]] = []
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with _servers() as environment:
            ready.append(environment)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait(30)
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@asynccontextmanager
async def _servers() -> AsyncIterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        certificate = self_signed(Path(folder))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        async with Vault(context) as vault, _identity_endpoint() as identity:
            vault.add("1", TOKEN)
            yield {
                "SCIM_KEY_VAULT": vault.url,
                "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000000",
                "IDENTITY_ENDPOINT": identity,
                "IDENTITY_HEADER": "made-up",
                "SSL_CERT_FILE": str(certificate),
            }


@asynccontextmanager
async def _identity_endpoint() -> AsyncIterator[str]:
    """Serve what App Service offers to an app with a managed identity."""

    async def token(request: web.Request) -> web.Response:
        answer = {"resource": request.query["resource"], "token_type": "Bearer", "access_token": ACCESS_TOKEN}
        return web.json_response({**answer, "expires_on": str(int(time.time()) + 86_400)})

    app = web.Application()
    app.router.add_get("/token", token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    finally:
        await runner.cleanup()
