"""Export and import as a person meets them: which files are written and read, and what is left when one ends early."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from scim.__main__ import main
from scim.commands.export import Export
from scim.protocol.errors import Unavailable
from scim.storage.sqlite import SqliteRows
from tests.commands.command_line import Capture, filled, folder, one_line, run
from tests.commands.test_transfer import small, written

__all__ = ["filled", "folder"]


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
