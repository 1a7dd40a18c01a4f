"""What a measurement was taken on: processor, system, versions, load."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def described(packages: Iterable[str] = (), *, further: Iterable[str] = ()) -> str:
    """Return one line: date, processor, system, Python, the versions of packages, and anything further."""
    versions = [f"{each} {version(each)}" for each in packages]
    return "; ".join(
        [
            datetime.now(UTC).date().isoformat(),
            f"{_processor()}, {os.cpu_count()} cores, {_memory()}",
            f"{platform.system()} {platform.release().partition('-')[0]}",
            f"Python {platform.python_version()}",
            *versions,
            *further,
        ]
    )


def revision() -> str:
    """Return the commit of the checkout, with a mark when the product was changed since; "unknown" outside of git."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return f"{commit} with changes" if _git("status", "--porcelain", "--", "scim", "function_app.py") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def load() -> str:
    """Return how busy the machine was during the last minute, other programs and the measurement together."""
    return f"load {os.getloadavg()[0]:.1f}"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory() -> str:
    pages: int = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{pages / 2**30:.0f} GiB"
