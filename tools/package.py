"""Build the package that Azure runs: python tools/package.py [--python-version 3.13] [--out dist/released-package.zip].

With --folder the same as a folder, for azd and the Functions tools, which make the zip themselves.

What is in it, and why:

- host.json at the root, function_app.py, and scim without what only the command line needs (LEFT_OUT).
- The dependencies for Linux x86-64 and the ABI of that Python, under .python_packages/lib/site-packages, where the
  worker looks. Their versions and hashes are those of tools/locks/PYTHON.txt; `--lock` writes that file anew from
  requirements.txt.
- A compiled .pyc beside each .py, in __pycache__, of the unchecked-hash kind: it stays valid whatever the times of the
  files that the zip brings. The .py files stay, because tracebacks show their lines; they cost no time at the start.
- The console, each of its files with its gzip beside it, since the host compresses nothing.
- No tests, no scripts, no type stubs; of each .dist-info the metadata, the entry points and the licences.

The same checkout and lock give the same bytes: names are sorted, times and modes fixed. (The compression is that of
the zlib which Python was built with.) Only a Python of the same version can compile, so that one must be installed.
"""

import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
SITE_PACKAGES = PurePosixPath(".python_packages/lib/site-packages")
DEPLOYED_AT = "/home/site/wwwroot"
"""Where Azure mounts the package; compiled code names its source there."""
CONSOLE = "scim/console"
"""What browsers load."""
PLATFORM = "manylinux2014_x86_64"
LEFT_OUT = {
    "scim/simulate": "plays the client from the command line; needs rich, which is not deployed",
    "scim/commands": "operates a directory from the command line",
    "scim/host.py": "says what the host does, for what stands in for it",
    "scim/local.py": "stands in for the host on a developer's machine",
    "scim/__main__.py": "offers all of these as commands",
}
LEFT_OUT_OF_DEPENDENCIES = ("bin", "share", "*/tests", "*.pyi", "*.pyx", "*.pxd", "*.c", "*.h", "*/py.typed")
KEPT_OF_DIST_INFO = ("METADATA", "entry_points.txt", "licen", "copying", "notice", "authors")
"""Beginnings of names in any case: what importlib.metadata reads, and what the licences ask to pass on."""
REASONS = {
    "scim": "the service",
    "cryptography": "azure-identity imports it through msal",
    "aiohttp": "transport of the asynchronous Azure clients",
    "azure": "programming model, tables, secrets, identity",
    "pydantic": "checks messages and settings at the boundary",
    "pydantic_core": "the compiled half of pydantic",
    "multidict": "headers of aiohttp and yarl",
    "werkzeug": "azure-functions needs it",
    "msal": "azure-identity is built on it",
    "urllib3": "msal needs it through requests",
    "charset_normalizer": "msal needs it through requests",
    "certifi": "msal needs it through requests",
    "idna": "yarl and requests need it",
    "propcache": "yarl and aiohttp need it",
    "frozenlist": "aiohttp needs it",
    "cffi": "cryptography needs it",
    "_cffi_backend": "the compiled half of cffi",
    "pycparser": "cffi needs it",
    "requests": "msal needs it",
    "yarl": "URLs of aiohttp and azure-data-tables",
    "attr": "aiohttp needs it",
    "jwt": "msal needs it",
    "typing_extensions": "pydantic and the Azure SDK need it",
}
EVERYTHING = "# Nothing: without this file azd leaves compiled code out, and every start compiles anew.\n"
"""The .funcignore of the folder."""
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can name."""


class PackageError(Exception):
    """The package cannot be built; the text says what is missing."""


def build(python_version: str, out: Path, root: Path = ROOT, cache: Path | None = None) -> Path:
    """Write the package and return its path."""
    with tempfile.TemporaryDirectory() as folder:
        stage = assemble(python_version, Path(folder) / "package", root, cache)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_zip(stage, out)
    return out


def build_folder(python_version: str, out: Path, root: Path = ROOT, cache: Path | None = None) -> Path:
    """Write what the package holds as a folder, in place of what was there, and return its path."""
    if out.exists() and not (out / "host.json").is_file() and any(out.iterdir()):
        raise PackageError(f"{out} holds something else than a package: name another folder, or an empty one.")
    with tempfile.TemporaryDirectory() as folder:
        stage = assemble(python_version, Path(folder) / "package", root, cache)
        (stage / ".funcignore").write_text(EVERYTHING, encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(stage, out)
    return out


def assemble(python_version: str, stage: Path, root: Path, cache: Path | None) -> Path:
    """Put all that the package holds into a folder that does not exist yet, and return it."""
    python = interpreter(python_version)
    copy_application(root, stage)
    shutil.copytree(dependencies(python_version, python, cache or ROOT / "build" / "package"), stage / SITE_PACKAGES)
    compile_all(python, stage)
    return stage


def interpreter(version: str) -> Path:
    """Return a Python of this version: the running one, one on PATH, or one of pyenv.

    Raises PackageError when there is none.
    """
    names = [sys.executable, shutil.which(f"python{version}"), shutil.which("python3"), shutil.which("python")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)
    for candidate in [*(Path(name) for name in names if name), *installed]:
        if _version(candidate) == version:
            return candidate
    raise PackageError(
        f"Python {version} is not installed: it is neither on PATH nor in {pyenv}. Only that version writes .pyc files "
        f"that Python {version} in Azure accepts. Install it, or name the version of the function app with "
        "--python-version."
    )


def _version(python: Path) -> str | None:
    """Return major.minor of an interpreter, None if it does not start, as a shim of pyenv may not."""
    asked = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    return answer.stdout.strip() if answer.returncode == 0 else None


def copy_application(root: Path, stage: Path) -> None:
    """Copy what belongs to the function app itself."""
    missing = [name for name in ("host.json", "function_app.py") if not (root / name).is_file()]
    if missing:
        raise PackageError(f"{root} has no {' and no '.join(missing)}: is it the root of the checkout?")
    licence = [root / "LICENSE"] if (root / "LICENSE").is_file() else []
    for source in [root / "host.json", root / "function_app.py", *licence, *_modules(root)]:
        target = stage / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for path in sorted((stage / CONSOLE).rglob("*")):
        if path.is_file():
            packed = path.with_name(f"{path.name}.gz")
            packed.write_bytes(gzip.compress(path.read_bytes(), compresslevel=9, mtime=0))


def _modules(root: Path) -> Iterator[Path]:
    for path in (root / "scim").rglob("*"):
        name = path.relative_to(root).as_posix()
        left_out = any(name == each or name.startswith(f"{each}/") for each in LEFT_OUT)
        part = path.suffix in (".py", ".json") or name.startswith(f"{CONSOLE}/")
        if part and path.is_file() and not left_out:
            yield path


def dependencies(python_version: str, python: Path, cache: Path) -> Path:
    """Return a folder with the dependencies of the lock; installed once for each lock and set of rules."""
    lock = lock_file(python_version)
    if not lock.is_file():
        raise PackageError(f"There is no {lock}: write it with --lock --python-version {python_version}.")
    rules = repr((PLATFORM, LEFT_OUT_OF_DEPENDENCIES, KEPT_OF_DIST_INFO))
    key = hashlib.sha256(lock.read_bytes() + rules.encode()).hexdigest()[:16]
    installed = cache / f"{python_version}-{key}"
    if not installed.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            fresh = Path(folder) / "site-packages"
            _pip(python, python_version, "--target", str(fresh), "--no-deps", "--require-hashes", "-r", str(lock))
            prune(fresh)
            _keep(fresh, installed)
    return installed


def _keep(fresh: Path, installed: Path) -> None:
    """Move the folder to its place, unless another build that runs at the same time was faster."""
    try:
        fresh.rename(installed)
    except OSError:
        if not installed.is_dir():
            raise


def lock_file(python_version: str) -> Path:
    """Return the path of the versions and hashes for one version of Python."""
    return ROOT / "tools" / "locks" / f"{python_version}.txt"


def write_lock(python_version: str) -> Path:
    """Resolve requirements.txt and write the versions and hashes of all that it needs."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        resolve = ("--dry-run", "--ignore-installed", "--report", str(report), "--target", folder)
        _pip(interpreter(python_version), python_version, *resolve, "-r", str(ROOT / "requirements.txt"))
        resolved = json.loads(report.read_text())["install"]
    lines = sorted(
        f"{each['metadata']['name'].lower()}=={each['metadata']['version']} "
        f"--hash=sha256:{each['download_info']['archive_info']['hashes']['sha256']}\n"
        for each in resolved
    )
    lock = lock_file(python_version)
    lock.parent.mkdir(exist_ok=True)
    head = f"# All that requirements.txt needs with Python {python_version}; tools/package.py --lock wrote it.\n"
    lock.write_text(head + "".join(lines))
    return lock


def _pip(python: Path, python_version: str, *arguments: str) -> None:
    """Run pip under the Python of the package: pip evaluates markers for the Python that runs it."""
    target = ["--platform", PLATFORM, "--implementation", "cp", "--python-version", python_version]
    quiet = ["--quiet", "--no-compile", "--disable-pip-version-check", "--no-warn-script-location"]
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    command = [*pip, *quiet, "--root-user-action=ignore", *target, "--only-binary=:all:", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise PackageError(f"pip failed:\n{done.stderr.strip()}")


def prune(site_packages: Path) -> None:
    """Delete what never runs."""
    for pattern in LEFT_OUT_OF_DEPENDENCIES:
        for path in [*site_packages.glob(pattern), *site_packages.glob(f"*/**/{pattern}")]:
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
    for path in site_packages.glob("*.dist-info/*"):
        if not path.name.lower().startswith(tuple(each.lower() for each in KEPT_OF_DIST_INFO)):
            path.unlink() if path.is_file() else shutil.rmtree(path)


def compile_all(python: Path, stage: Path) -> None:
    """Write a .pyc of the unchecked-hash kind beside each .py; the names in it are those in Azure."""
    places = ["-s", str(stage), "-p", DEPLOYED_AT]
    command = [str(python), "-S", "-W", "ignore", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    # The seed of hashes decides the order of sets in compiled code.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": ""}
    done = subprocess.run(  # noqa: S603
        [*command, *places, str(stage)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise PackageError(f"Some files do not compile:\n{done.stdout}{done.stderr}")


def write_zip(stage: Path, out: Path) -> None:
    """Write all files, sorted, all with the same time and mode."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for path in sorted((each for each in stage.rglob("*") if each.is_file()), key=lambda each: each.as_posix()):
            entry = zipfile.ZipInfo(path.relative_to(stage).as_posix(), EARLIEST)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
            package.writestr(entry, path.read_bytes())


def sizes(package: Path) -> Counter[str]:
    """Return the compressed bytes of each top-level package and module; metadata counts as "other"."""
    found: Counter[str] = Counter()
    with zipfile.ZipFile(package) as content:
        for entry in content.infolist():
            found[_part(PurePosixPath(entry.filename))] += entry.compress_size
    return found


def _part(path: PurePosixPath) -> str:
    top = (path.relative_to(SITE_PACKAGES) if path.is_relative_to(SITE_PACKAGES) else path).parts[0]
    return "other" if top.endswith((".dist-info", ".json", "__pycache__")) else top.split(".")[0]


def report(package: Path, least: int = 100_000) -> Iterable[str]:
    """Yield the size of the package and of each part that is heavier than `least` bytes, with its reason."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    yield f"{package}: {package.stat().st_size / 1e6:.1f} MB, SHA-256 {digest}"
    for name, size in sizes(package).most_common():
        if size >= least:
            yield f"{size / 1e6:6.2f} MB  {name:20} {REASONS.get(name, '')}".rstrip()


def main() -> int:
    """Build the package as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Build the package that Azure runs.")
    parser.add_argument("--python-version", default="3.13", help="Python of the function app (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "released-package.zip")
    parser.add_argument("--folder", type=Path, help="write a folder in place of the zip")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder with host.json and function_app.py")
    parser.add_argument("--cache", type=Path, help="where installed dependencies are kept (default: build/package)")
    parser.add_argument("--lock", action="store_true", help="write the lock file from requirements.txt instead")
    asked = parser.parse_args()
    try:
        if asked.lock:
            sys.stdout.write(f"{write_lock(asked.python_version)}\n")
        elif asked.folder:
            sys.stdout.write(f"{build_folder(asked.python_version, asked.folder, asked.root.resolve(), asked.cache)}\n")
        else:
            package = build(asked.python_version, asked.out, asked.root.resolve(), asked.cache)
            sys.stdout.writelines(f"{line}\n" for line in report(package))
    except PackageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
