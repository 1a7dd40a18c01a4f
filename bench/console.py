"""What the console adds to the package and to a cold start: `python -m bench.console [--rounds 15] [--write]`.

The package that Azure runs is built, and copied without the console: its files, its module, its two functions. Both are
started in turn under the real worker, as bench.cold_start does, and from the start of the process to the first answer
of SCIM is compared. Then the first answer of the page itself.
"""

import argparse
import re
import shutil
import statistics
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bench.cold_start import USERS, Start
from bench.hosts.stand_ins import TOKEN
from tools import package

CONSOLE = re.compile(r"^_register\(\"Console\".*?\n\)\n", re.MULTILINE | re.DOTALL)
SETTINGS = {"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": TOKEN}
VERSION = "{}.{}".format(*sys.version_info)
PAGE = "https://made.up/console"


def without_console(package_folder: Path, copy: Path) -> None:
    """Make a copy of the package that never had a console."""
    shutil.copytree(package_folder, copy)
    shutil.rmtree(copy / "scim" / "console")
    (copy / "scim" / "management" / "console.py").unlink()
    main = copy / "function_app.py"
    text, changed = CONSOLE.subn("", main.read_text())
    if changed != 1 or "console" in text:
        raise SystemExit("the functions of the console are no longer where this looks for them")
    main.write_text(text)
    package.compile_all(package.interpreter(VERSION), copy)


def zipped(folder: Path) -> int:
    """Return the bytes of the folder as a zip."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        return file.tell()


def measured(rounds: int) -> str:
    """Return the figures of both as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        having, without = Path(folder) / "with", Path(folder) / "without"
        package.build_folder(VERSION, having, cache=package.ROOT / "build" / "package")
        without_console(having, without)
        kilobytes = [zipped(each) / 1000 for each in (without, having)]
        scim = ("ListUsers", USERS, TOKEN)
        starts = [Start(each.name, each, scim, 200, SETTINGS) for each in (without, having)]
        page = Start("page", having, ("Console", PAGE), 200, SETTINGS)
        for _ in range(rounds):
            for each in (*starts, page):
                each.run()
    return "\n".join(_table(kilobytes, starts, page)) + "\n"


def _table(kilobytes: list[float], starts: list[Start], page: Start) -> Iterator[str]:
    without, having = starts
    yield "| what | without | with | ratio |"
    yield "|---|--:|--:|--:|"
    yield f"| package, kB | {kilobytes[0]:,.0f} | {kilobytes[1]:,.0f} | {kilobytes[1] / kilobytes[0]:.3f} |"
    for name, one, other in (("to", without.wall, having.wall), ("processor time to", without.cpu, having.cpu)):
        ratio = statistics.median(two / first for first, two in zip(one, other, strict=True))
        first, two = statistics.median(one) * 1e3, statistics.median(other) * 1e3
        yield f"| {name} the first answer of SCIM, ms | {first:.0f} | {two:.0f} | {ratio:.3f} |"
    cpu = statistics.median(page.cpu) * 1e3
    yield f"| processor time to the first answer of the page, ms | | {cpu:.0f} | |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    text = measured(options.rounds)
    sys.stdout.write(text)
    if options.write:
        from bench.page.machine import described, load, revision
        from bench.page.sections import write_section

        taken = described(["azure-functions-runtime"], further=[f"commit {revision()}", load()])
        write_section("console", f"`python -m bench.console --rounds {options.rounds} --write`; {taken}.\n\n{text}")


if __name__ == "__main__":
    main()
