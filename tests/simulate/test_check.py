"""`check`: one line for each thing tried, an exit code, and nothing left behind."""

import ssl
from pathlib import Path

import pytest
from aiohttp import web

from scim.simulate.check import encryption, main
from scim.simulate.wire.transport import Wire
from tests.azure.vault.certificate import self_signed
from tests.server import serving
from tests.simulate.stand_in import Seen, StandIn, error, scim

STEPS = [
    "TLS: not needed on this machine",
    "Test Connection",
    "a wrong token is refused",
    "user: create",
    "user: find by userName",
    "user: change, default dialect",
    "user: disable and enable, default dialect",
    "user: change, flag dialect",
    "user: disable and enable, flag dialect",
    "group: create",
    "group: members, default dialect",
    "group: members, flag dialect",
    "group: rename",
    "group: delete",
    "user: delete",
    "nothing is left behind",
]


def failures(printed: str) -> list[str]:
    return [line.removeprefix("FAIL  ") for line in printed.splitlines() if line.startswith("FAIL")]


def empty(stand_in: StandIn) -> bool:
    return stand_in.resources == {"Users": {}, "Groups": {}}


def run(endpoint: tuple[str, str]) -> int:
    return main([endpoint[0], "--token", endpoint[1]])


def test_an_endpoint_in_order(stand_in: StandIn, endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each thing tried has a line, the last one says how long the answers took, and the endpoint is as before."""
    assert run(endpoint) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == [f"ok    {step}" for step in STEPS]
    assert "requests, half within" in last
    assert empty(stand_in)


def test_the_service_itself_is_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What we ask of others we do ourselves, over a real socket."""
    with serving(tmp_path) as server:
        code = main([server.tenant_url, "--token", server.token])
    assert failures(capsys.readouterr().out) == []
    assert code == 0


def test_a_refused_token_ends_it(endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The line says what to change, as the simulator does; nothing further is tried."""
    assert main([endpoint[0], "--token", "another-token"]) == 1
    [line] = failures(capsys.readouterr().out)
    assert line.startswith("Test Connection: ")
    assert "refused the token (401" in line
    assert "another-token" not in line


def test_an_endpoint_that_takes_every_token_fails(
    stand_in: StandIn, endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is open to everybody who knows its address."""
    monkeypatch.setattr("tests.simulate.stand_in.error", lambda *_: scim(200, {"totalResults": 0, "Resources": []}))
    main([endpoint[0], "--token", "x"])
    assert any(line.startswith("a wrong token is refused: it was taken") for line in failures(capsys.readouterr().out))


def ignores_patches(seen: Seen) -> web.Response | None:
    return web.Response(status=204) if seen.method == "PATCH" else None


def test_a_change_that_is_accepted_and_not_made_is_seen(
    stand_in: StandIn, endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that answers 204 to what it does not understand looks well in Entra's log, and is not."""
    stand_in.fault = ignores_patches
    assert run(endpoint) == 1
    told = failures(capsys.readouterr().out)
    assert "user: disable and enable, default dialect: active is True after a PATCH to False" in told
    assert any(line.startswith("group: members, flag dialect: members are []") for line in told)
    assert empty(stand_in)


def test_what_a_failure_leaves_is_deleted(
    stand_in: StandIn, endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The first DELETE of each fails; the user and the group do not stay."""
    refused: set[str] = set()

    def once(seen: Seen) -> web.Response | None:
        if seen.method != "DELETE" or seen.path in refused:
            return None
        refused.add(seen.path)
        return error(500, "not now")

    stand_in.fault = once
    assert run(endpoint) == 1
    assert [line.split(":")[0:2] for line in failures(capsys.readouterr().out)] == [
        ["group", " delete"],
        ["user", " delete"],
    ]
    assert empty(stand_in)


def test_what_cannot_be_deleted_is_named(
    stand_in: StandIn, endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever checks somebody else's server knows what to take away by hand."""
    stand_in.fault = lambda seen: error(500, "never") if seen.method == "DELETE" else None
    assert run(endpoint) == 1
    assert "nothing is left behind: delete /Groups/g2 and /Users/u1 yourself" in failures(capsys.readouterr().out)


def test_without_a_user_there_is_no_group(
    stand_in: StandIn, endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What follows from the first failure is not told as failures of its own."""
    stand_in.fault = lambda seen: error(400, "no users, please") if seen.method == "POST" else None
    assert run(endpoint) == 1
    assert failures(capsys.readouterr().out) == ["user: create: no users, please"]


@pytest.mark.parametrize(
    "options",
    [
        ["ftp://host/", "--token", "x"],
        ["http://127.0.0.1:1/scim/v2"],
        ["--nonsense"],
        ["--token", "x", "--timeout", "nan"],
        ["--token", "x", "--timeout", "0"],
    ],
)
def test_wrong_usage_is_one_line(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit code that every command has for it."""
    assert main(options) == 2
    told = capsys.readouterr().err
    assert told.startswith("scim check: ")
    assert told.count("\n") == 1


async def test_plain_http_beyond_this_machine_fails() -> None:
    """Everybody on the way reads the token."""
    step = await encryption(Wire("http://scim.contoso.example/scim/v2", "x"))
    assert step.failure is not None
    assert "begins with http" in step.failure.detail


@pytest.mark.parametrize(("trusted", "told"), [(True, "it ends within 7 days"), (False, "certificate")])
async def test_a_certificate_is_looked_at(
    trusted: bool, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entra refuses one that nobody vouches for, and will refuse one that is about to end."""
    certificate = self_signed(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        step = await encryption(Wire(f"https://127.0.0.1:{runner.addresses[0][1]}/scim/v2", "x"))
    finally:
        await runner.cleanup()
    assert step.failure is not None
    assert told in step.failure.detail
    assert step.name.startswith("TLS: TLSv1.") is trusted
