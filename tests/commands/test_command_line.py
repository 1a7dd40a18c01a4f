"""The command line as a person meets it: usage, errors in one line, exit codes, signals, pipes."""

import logging
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from scim.__main__ import COMMANDS, main
from scim.app import App
from scim.commands import command
from scim.local import _tell_health, prepare_environment
from scim.protocol.errors import Unavailable
from scim.settings import SettingsError
from scim.storage.sqlite import SqliteRows
from tests.children import python
from tests.commands.command_line import Capture, filled, folder, one_line, run
from tests.conftest import TOKEN, Clock
from tests.server import STOP_SECONDS, environment, serving

__all__ = ["filled", "folder"]


# Usage


def test_the_commands_are_listed_for_who_asks(capsys: Capture) -> None:
    """On standard output, where a pager finds it."""
    assert main(["--help"]) == main(["-h"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert all(f"\n  {name} " in captured.out for name in COMMANDS)


@pytest.mark.parametrize(("arguments", "told"), [([], "usage: "), (["dance"], "scim: there is no command 'dance'\n")])
def test_the_commands_are_listed_when_none_is_named_that_there_is(
    arguments: list[str], told: str, capsys: Capture
) -> None:
    """As an error, on standard error."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(told)
    assert "\n  serve " in captured.err


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_tells_its_options(name: str, capsys: Capture) -> None:
    """And does nothing else."""
    assert main([name, "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"usage: python -m scim {name} ")
    assert captured.err == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve", "--fast"], "unrecognized arguments: --fast"),
        (["serve", "0", "1"], "unrecognized arguments: 1"),
        *[
            (["serve", port], f"must be a number up to 65535, not '{port}'")
            for port in ("x", "70000", "-1", "", "\u00b2")
        ],
        (["verify", "scim.db"], "unrecognized arguments: scim.db"),
        (["export"], "required: FILE"),
        (["export", "a", "b"], "unrecognized arguments: b"),
        (["import"], "required: FILE"),
        (["import", "a", "--force"], "unrecognized arguments: --force"),
        (["simulate", "--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_wrong_usage_is_told_in_one_line(folder: Path, arguments: list[str], told: str, capsys: Capture) -> None:
    """With exit code 2, before anything is opened."""
    assert main(arguments) == 2
    assert told in one_line(capsys)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("arguments", [["verify"], ["export", "out"], ["import", "in.ndjson"]])
@pytest.mark.parametrize("storage", ["", "nonsense", "sqlite:"])
def test_a_wrong_setting_is_wrong_usage(folder: Path, arguments: list[str], storage: str, capsys: Capture) -> None:
    """With its name."""
    os.environ["SCIM_STORAGE"] = storage  # the fixture puts it back
    assert main(arguments) == 2
    assert "SCIM_STORAGE" in one_line(capsys)


def test_a_package_that_is_missing_is_told(tmp_path: Path) -> None:
    """As happens to who calls another Python than that of the project."""
    finished = run(tmp_path, "serve", "0", python=("-S",))
    assert finished.returncode == 2
    assert "is missing; `make setup`" in finished.stderr
    assert finished.stderr.count("\n") == 1


# Errors


def failing(error: BaseException) -> Callable[[], int]:
    def raises() -> int:
        raise error

    return raises


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (command.WrongUsage("no"), 2, "x: no\n"),
        (SettingsError("SCIM_X: no"), 2, "x: SCIM_X: no\n"),
        (command.Failure("no\n  way"), 1, "x: no way\n"),
        (Unavailable("The store does not answer."), 1, "x: The store does not answer.\n"),
        (OSError(28, "No space left", "f"), 1, "x: f: No space left\n"),
        (KeyboardInterrupt(), 130, "x: interrupted\n"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (SystemExit(143), 143, ""),
    ],
)
def test_what_ends_a_command_is_one_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: Capture
) -> None:
    """That begins with the command's name; nothing for who no longer reads."""
    assert command.outcome("x", failing(error)) == code
    told = capsys.readouterr().err
    assert told.startswith(line)
    assert told.count("\n") == bool(line)


@pytest.mark.parametrize("error", [KeyError("k"), sqlite3.DatabaseError("no such column")])
def test_a_bug_is_not_hidden(error: Exception) -> None:
    """Its traceback is what a developer needs."""
    with pytest.raises(type(error)):
        command.outcome("x", failing(error))


def test_a_page_of_warnings_does_not_hide_the_line(caplog: pytest.LogCaptureFixture) -> None:
    """As azure.identity writes of everything that it has tried."""

    def warns() -> int:
        logging.getLogger("azure.identity").warning("a page")
        return 0

    assert command.outcome("x", warns) == 0
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("arguments", "storage"),
    [
        *((arguments, "sqlite:no/such/scim.db") for arguments in (["import", "in.ndjson"], ["serve", "0"])),
        *((arguments, "sqlite:text.db") for arguments in (["verify"], ["export", "out"], ["serve", "0"])),
        (["import", "in.ndjson"], "sqlite:."),
    ],
)
def test_a_store_that_cannot_be_opened_is_a_failure(tmp_path: Path, storage: str, arguments: list[str]) -> None:
    """No folder, no database, or no file."""
    (tmp_path / "text.db").write_text("no database, but longer than a header of one" * 3)
    finished = run(tmp_path, *arguments, storage=storage)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.startswith(f"scim {arguments[0]}: The SQLite file {storage[7:]} cannot be opened: ")
    assert finished.stderr.count("\n") == 1


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_an_emulator_that_does_not_run_is_told(folder: Path, capsys: Capture) -> None:
    """With what starts it; a table on Azure gets no such advice."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and listens to nothing: whoever connects is refused
        port = nobody.getsockname()[1]
        os.environ["SCIM_STORAGE"] = (  # the fixture puts it back
            f"DefaultEndpointsProtocol=http;AccountName=scim;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:{port}/scim;"
        )
        assert main(["verify"]) == 1
    line = one_line(capsys)
    assert line.startswith("scim verify: Table Storage does not answer (")
    assert line.endswith("Start the emulator: make azurite.\n")


# Serve


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """With what to do about it, as a failure."""
    with serving(tmp_path, SCIM_TOKEN=TOKEN, SCIM_STORAGE="sqlite::memory:") as server:
        finished = run(tmp_path, "serve", str(server.port))
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.startswith(f"scim serve: cannot listen on 127.0.0.1:{server.port}: Address already in use;")
    assert "PORT=8080 make run" in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_a_port_of_the_environment_that_is_none_is_told(folder: Path, capsys: Capture) -> None:
    """As one that was written out."""
    os.environ["PORT"] = "seventy"
    try:
        assert main(["serve"]) == 2
    finally:
        del os.environ["PORT"]
    assert "not 'seventy'" in one_line(capsys)


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_token_that_cannot_be_kept_is_told(tmp_path: Path, content: str | None) -> None:
    """A file where the folder should be, or nothing in the file."""
    place = tmp_path / ".local"
    if content is None:
        place.write_text("")
    else:
        place.mkdir()
        (place / "token").write_text(content)
    with pytest.raises(command.Failure, match="cannot be used" if content is None else "delete it"):
        prepare_environment({}, place)


async def test_a_store_that_does_not_answer_is_told_at_the_start(
    app: App, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the first request meets it; a healthy service says nothing."""
    await _tell_health(app)
    assert caplog.text == ""

    async def silent(_: object) -> None:
        raise Unavailable("Table Storage does not answer.")

    monkeypatch.setattr(SqliteRows, "check", silent)
    clock.forward(seconds=5)
    await _tell_health(app)
    assert "answered 503 for now" in caplog.text
    assert "Table Storage does not answer." in caplog.text


def test_a_request_that_never_ends_does_not_keep_the_server(tmp_path: Path) -> None:
    """Ctrl-C waits for it, but not for long, and ends as usual."""
    with (
        serving(tmp_path, SCIM_TOKEN=TOKEN, SCIM_STORAGE="sqlite::memory:") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        head = "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")  # the function runs, and waits for the body
        assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in (tmp_path / "stderr").read_text()


@pytest.mark.parametrize(
    ("number", "code", "told"), [(signal.SIGINT, 130, "scim import: interrupted\n"), (signal.SIGTERM, 143, "")]
)
def test_a_signal_ends_a_command_at_once(tmp_path: Path, number: int, code: int, told: str) -> None:
    """Also while it waits for input, without a traceback."""
    with python(
        *("-m", "scim", "import", "-"),
        cwd=tmp_path,
        env=environment(SCIM_STORAGE="sqlite:scim.db"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write("x" * 1_000_000)  # more than a pipe holds: it returns when the command has read of it
        process.stdin.flush()
        ended = False
        while not ended:  # one that comes in the instant before the command waits is seen only after the next
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                ended = process.wait(STOP_SECONDS) is not None
        assert process.returncode == code
        assert process.stderr.read() == told
