"""The command `check`: Test Connection as Entra does it, then one user and one group through their life."""

import argparse
import asyncio
import ssl
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from scim.simulate.job.cycles import test_connection
from scim.simulate.life import Life, Step
from scim.simulate.options import TIMEOUT, Parser, UnusableOptions, add_endpoint, secret_token, usable_url
from scim.simulate.simulation import advice
from scim.simulate.wire.endpoint import Endpoint
from scim.simulate.wire.failure import DROPPED, INCOMPATIBLE, Failure
from scim.simulate.wire.measures import percentile
from scim.simulate.wire.transport import Transport, Wire

IN_ORDER, FAILED, WRONG_USAGE = 0, 1, 2
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LEAST_DAYS = 7
"""Days for which the certificate must be good."""


def main(argv: Sequence[str]) -> int:
    """Check an endpoint; print one line for each thing tried. Returns 0 in order, 1 when not, 2 for wrong options."""
    try:
        options = _parser().parse_args(argv)
        wire = Wire(usable_url(options.tenant_url), secret_token(options), options.timeout)
    except UnusableOptions as error:
        sys.stderr.write(f"scim check: {' '.join(str(error).split())}\n")
        return WRONG_USAGE
    return asyncio.run(_check(wire))


def _parser() -> argparse.ArgumentParser:
    made = Parser(
        prog="python -m scim check",
        description="Tests the connection as Entra does, then one user and one group through their life, in both ways "
        "in which Entra writes PATCH. Everything that it creates it deletes.",
    )
    add_endpoint(made)
    made.add_argument("--timeout", type=TIMEOUT, default=30.0, help="seconds to wait for an answer (%(default)s)")
    return made


async def _check(wire: Wire) -> int:
    failed = 0
    async with Transport(wire) as transport:
        endpoint = Endpoint(transport)
        async for step in _steps(wire, endpoint):
            failed += step.failure is not None
            sys.stdout.write(_line(step))
            sys.stdout.flush()
        seconds = [each for kind in endpoint.measures.kinds.values() for each in kind.seconds]
    if seconds:
        typical, slowest = percentile(seconds, 50) * 1000, max(seconds) * 1000
        sys.stdout.write(f"{len(seconds)} requests, half within {typical:.0f} ms, the slowest took {slowest:.0f} ms\n")
    for remark in endpoint.measures.remarks:
        sys.stdout.write(f"note  {remark}\n")
    return FAILED if failed else IN_ORDER


def _line(step: Step) -> str:
    if step.failure is None:
        return f"ok    {step.name}\n"
    return f"FAIL  {step.name}: {' '.join(step.failure.detail.split())}\n"


async def _steps(wire: Wire, endpoint: Endpoint) -> AsyncIterator[Step]:
    yield await encryption(wire)
    connection = await _connection(wire, endpoint)
    yield connection
    if connection.failure is not None:
        return
    yield await _wrong_token(wire)
    life = Life(endpoint)
    try:
        async for step in life.steps():
            yield step
    finally:
        left = await life.leftovers()
    if left:
        yield Step("nothing is left behind", Failure(INCOMPATIBLE, f"delete {' and '.join(left)} yourself", None))
    else:
        yield Step("nothing is left behind")


async def _connection(wire: Wire, endpoint: Endpoint) -> Step:
    try:
        await test_connection(endpoint, "userName")
    except Failure as failure:
        return Step("Test Connection", Failure(failure.code, advice(wire.base, failure), failure.status))
    return Step("Test Connection")


async def _wrong_token(wire: Wire) -> Step:
    """Ask with a token that nobody has: an endpoint that takes it is open to everybody."""
    name = "a wrong token is refused"
    async with Transport(Wire(wire.tenant_url, f"wrong-{uuid.uuid4().hex}", wire.timeout, wire.max_wait)) as transport:
        try:
            await test_connection(Endpoint(transport), "userName")
        except Failure as failure:
            if failure.status in (401, 403):
                return Step(name)
            return Step(name, Failure(failure.code, f"401 is due, and {failure.status or failure.code} came"))
    return Step(name, Failure(INCOMPATIBLE, "it was taken: whoever knows the address may read and write", 200))


async def encryption(wire: Wire) -> Step:
    """Look at what protects the token on its way: TLS 1.2 or newer, with a certificate that others trust too."""
    parts = urlsplit(wire.tenant_url)
    if parts.scheme == "http":
        here = parts.hostname in LOOPBACK
        refused = Failure(DROPPED, "the address begins with http: everybody on the way reads the token")
        return Step("TLS: not needed on this machine" if here else "TLS", None if here else refused)
    try:
        version, until = await asyncio.wait_for(_handshake(parts.hostname or "", parts.port or 443), wire.timeout)
    except (OSError, ssl.SSLError, TimeoutError) as error:
        return Step("TLS", Failure(DROPPED, f"no connection: {error or type(error).__name__}"))
    name = f"TLS: {version}, certificate until {until:%Y-%m-%d}"
    if (until - datetime.now(UTC)).days < LEAST_DAYS:
        return Step(name, Failure(DROPPED, f"it ends within {LEAST_DAYS} days"))
    return Step(name)


async def _handshake(host: str, port: int) -> tuple[str, datetime]:
    """Return the version of TLS, and until when the certificate is good. Raises SSLError where it is not trusted."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
        certificate = secured.getpeercert() or {}
        until = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
        return secured.version() or "", datetime.fromtimestamp(until, UTC)
    finally:
        writer.close()
