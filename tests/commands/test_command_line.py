"""The command line as a person meets it: usage, errors in one line, exit codes, signals, pipes."""

import asyncio
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from scim.__main__ import COMMANDS, main
from scim.app import App
from scim.commands import command
from scim.commands.export import Export
from scim.local import _tell_health, prepare_environment
from scim.protocol.errors import Unavailable
from scim.settings import SettingsError
from scim.storage.sqlite import SqliteRows
from tests.children import python
from tests.commands.test_transfer import small, written
from tests.conftest import TOKEN, Clock
from tests.server import STOP_SECONDS, environment, serving

Capture = pytest.CaptureFixture[str]


def run(
    folder: Path,
    *arguments: str,
    python: tuple[str, ...] = (),
    stdin: str | IO[str] = "",
    stdout: int = subprocess.PIPE,
    storage: str = "sqlite:scim.db",
) -> subprocess.CompletedProcess[str]:
    """Run `python -m scim` in a folder; standard input is a text through a pipe, or a file."""
    source: dict[str, Any] = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
    return subprocess.run(  # noqa: S603 - it is this Python
        [sys.executable, *python, "-m", "scim", *arguments],
        cwd=folder,
        env=environment(SCIM_STORAGE=storage, SCIM_TOKEN=TOKEN),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        **source,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which the store of the settings is a file that is not there yet."""
    monkeypatch.chdir(tmp_path)
    for name in ("SCIM_TENANT", "SCIM_TOKEN", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCIM_STORAGE", "sqlite:scim.db")
    return tmp_path


@pytest.fixture
def filled(folder: Path, capsys: Capture) -> Path:
    """The current folder, with a few resources in the store."""
    assert main(["import", written(folder, small())]) == 0
    capsys.readouterr()
    return folder


def one_line(capsys: Capture) -> str:
    """Return the only line that was said, which stands on standard error."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


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


# Export


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no/such/out", "No such file or directory"),
        (".", "Is a directory"),
        ("", "Is a directory"),
        ("in.ndjson/x", ""),
    ],
)
def test_an_export_that_cannot_be_written_says_where_it_can(
    filled: Path, target: str, reason: str, capsys: Capture
) -> None:
    """Before it reads the tenant, and without leaving anything behind."""
    before = sorted(filled.iterdir())
    assert main(["export", target]) == 1
    line = one_line(capsys)
    assert line.startswith(f"scim export: {target or repr(target)} cannot be written: {reason}")
    assert "Name a file in a folder that is there" in line
    assert sorted(filled.iterdir()) == before


@pytest.mark.parametrize("arguments", [["verify"], ["export", "backup.ndjson"]])
def test_a_store_that_is_not_there_is_not_made(folder: Path, arguments: list[str], capsys: Capture) -> None:
    """A path that is misspelt has nothing to verify or export; import makes the file that it names."""
    assert main(arguments) == 2
    assert "there is no file scim.db" in one_line(capsys)
    assert list(folder.iterdir()) == []


def test_an_empty_tenant_is_not_exported(folder: Path, capsys: Capture) -> None:
    """A setting is wrong most likely, and an empty file must not take the place of a good one."""
    (folder / "out").write_text("the last one")
    asyncio.run(SqliteRows("scim.db").close())
    assert main(["export", "out"]) == 1
    assert "set SCIM_STORAGE and SCIM_TENANT" in one_line(capsys)
    assert (folder / "out").read_text() == "the last one"


@pytest.mark.parametrize(
    ("error", "code"), [(OSError(28, "No space left"), 1), (Unavailable("Away."), 1), (KeyboardInterrupt(), 130)]
)
def test_an_export_that_ends_early_leaves_the_last_one_and_nothing_else(
    filled: Path, error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The file gets its name once it is complete; half a file is removed."""
    target = filled / "out"
    target.write_text("the last one")
    before = sorted(filled.iterdir())

    async def broken(_: object) -> None:
        assert len(parts()) == 1
        raise error

    def parts() -> list[Path]:
        return list(filled.glob("out.*.part"))

    monkeypatch.setattr(Export, "run", broken)
    assert main(["export", "out"]) == code
    one_line(capsys)
    assert target.read_text() == "the last one"
    assert sorted(filled.iterdir()) == before


def test_a_link_to_the_last_export_stays_one(filled: Path) -> None:
    """The file that it leads to is replaced."""
    (filled / "disk").mkdir()
    (filled / "out").symlink_to(Path("disk") / "backup")
    assert main(["export", "out"]) == 0
    assert (filled / "out").is_symlink()
    assert len((filled / "disk" / "backup").read_text().splitlines()) == len(small())
    assert [path.name for path in (filled / "disk").iterdir()] == ["backup"]


def test_a_pipe_is_written_and_not_replaced(filled: Path) -> None:
    """Nor is a device, such as /dev/null for who may delete it."""
    os.mkfifo(filled / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.extend((filled / "pipe").read_text().splitlines()))
    reader.start()
    assert main(["export", "pipe"]) == 0
    reader.join(20)
    assert (filled / "pipe").is_fifo()
    assert len(read) == len(small())


@pytest.mark.parametrize(
    ("arguments", "code"), [(("export", "-"), 141), (("verify",), 141), (("simulate", "--help"), 0)]
)
def test_a_reader_that_has_enough_ends_the_command_quietly(filled: Path, arguments: tuple[str, ...], code: int) -> None:
    """As with `| head`: no traceback, and the code that a shell gives to such an end."""
    read, write = os.pipe()
    os.close(read)
    finished = run(filled, *arguments, stdout=write)
    os.close(write)
    assert (finished.returncode, finished.stderr) == (code, "")


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [("export", "-"), ("verify",)])
def test_an_output_that_is_full_is_told(filled: Path, arguments: tuple[str, ...]) -> None:
    """In one line, also when the end of the process tries to write what is left."""
    with Path("/dev/full").open("w") as full:
        finished = run(filled, *arguments, stdout=full.fileno())
    assert finished.returncode == 1
    assert "No space left on device" in finished.stderr
    assert finished.stderr.count("\n") == 1


# Import


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("missing.ndjson", "cannot be read: No such file or directory. Name a file"),
        (".", "cannot be read: Is a directory. Name a file"),
        ("in.db", ", line 1: no header of an export; name a file"),
        ("empty", ", line 1: no header of an export; name a file"),
    ],
)
def test_what_is_no_export_is_refused(folder: Path, source: str, reason: str, capsys: Capture) -> None:
    """With what to name instead."""
    (folder / "in.db").write_bytes(b"\x1f\x8b\x08\x00\xff" * 30)
    (folder / "empty").touch()
    assert main(["import", source]) == 1
    line = one_line(capsys)
    assert line.startswith(f"scim import: {source}")
    assert reason in line


def test_nothing_is_written_of_an_input_that_breaks_off(tmp_path: Path) -> None:
    """As when what comes before in a pipe fails; standard input is read to its end first."""
    finished = run(tmp_path, "import", "-", stdin="\n".join(small()[:-1]) + "\n")
    assert finished.returncode == 1
    assert finished.stderr.startswith("scim import: standard input, line 6: the file ends here")
    assert run(tmp_path, "verify").stdout.startswith("0 users, 0 groups")


def test_standard_input_may_be_a_file_or_a_pipe(tmp_path: Path) -> None:
    """With the same result."""
    source = Path(written(tmp_path, small()))
    piped = run(tmp_path, "import", "-", stdin=source.read_text(), storage="sqlite:one.db")
    with source.open() as file:
        redirected = run(tmp_path, "import", "-", stdin=file, storage="sqlite:other.db")
    for finished in (piped, redirected):
        assert (finished.returncode, finished.stderr) == (0, "imported 2 users, 1 groups, 1 memberships\n")


def test_an_import_that_stops_says_how_to_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """What has come in stays, and the rest comes in with the option that is told."""
    source, commit, left = written(folder, small()), SqliteRows.commit, iter([True, True])

    async def away(rows: SqliteRows, *arguments: object) -> list[str]:
        if not next(left, False):
            raise Unavailable("The store is away.")
        return await commit(rows, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(SqliteRows, "commit", away)
        assert main(["import", source]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("imported only 2 users, 1 groups, 0 memberships; to go on, ")
    assert told[1:] == ["scim import: The store is away."]
    assert main(["import", source, "--into-existing"]) == 0
    assert capsys.readouterr().err == "imported 0 users, 0 groups, 1 memberships\n"


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
