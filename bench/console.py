"""What the console adds to the package and to a cold start: `python -m bench.console`.

The package that Azure runs is built, and copied without the console: its files, its module, its two functions. Then a
process is started in turn for each of both, and its processor time until `function_app` is imported is compared.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tools import package

STARTED = "import time; import function_app; print(time.process_time())"
CONSOLE = re.compile(r"^_register\(\"Console\".*?\n\)\n", re.MULTILINE | re.DOTALL)
SETTINGS = {"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": "a-token-of-the-bench"}


def without_console(package_folder: Path, copy: Path) -> None:
    """Make a copy of the package that never had a console."""
    shutil.copytree(package_folder, copy)
    shutil.rmtree(copy / "scim" / "console")
    (copy / "scim" / "service" / "console.py").unlink()
    main = copy / "function_app.py"
    text, changed = CONSOLE.subn("", main.read_text())
    if changed != 1 or "console" in text:
        raise SystemExit("the functions of the console are no longer where this looks for them")
    main.write_text(text)


def zipped(folder: Path) -> int:
    """Return the bytes of the folder as a zip."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        return file.tell()


def started(folder: Path) -> float:
    """Return the processor milliseconds of a process until the functions are registered."""
    environment = {
        "PATH": os.environ["PATH"],
        **SETTINGS,
        "PYTHONPATH": str(folder / ".python_packages/lib/site-packages"),
    }
    done = subprocess.run(  # noqa: S603 - the command is the one above
        [sys.executable, "-c", STARTED], cwd=folder, env=environment, capture_output=True, check=True, text=True
    )
    return float(done.stdout.split()[-1]) * 1000


def main(arguments: list[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--cache", type=Path, help="where installed dependencies are kept")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        having, without = Path(folder) / "with", Path(folder) / "without"
        package.build_folder("3.13", having, cache=options.cache)
        without_console(having, without)
        sizes = [zipped(each) for each in (without, having)]
        figures: dict[Path, list[float]] = {having: [], without: []}
        for _ in range(options.rounds + 1):
            for each, found in figures.items():
                found.append(started(each))
    ratios = [one / other for one, other in zip(figures[having][1:], figures[without][1:], strict=True)]
    kilobytes = [size / 1000 for size in sizes]
    sys.stdout.write(f"package: {kilobytes[0]:,.0f} kB without, {kilobytes[1]:,.0f} kB with\n")
    medians = [statistics.median(figures[each][1:]) for each in (without, having)]
    sys.stdout.write(f"CPU until the functions are there: {medians[0]:.0f} ms without, {medians[1]:.0f} ms with; ")
    sys.stdout.write(f"ratio of pairs {statistics.median(ratios):.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
