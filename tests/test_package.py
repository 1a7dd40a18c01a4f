"""The package that Azure runs: complete, small, reproducible, and nothing in it that does not run there."""

import ast
import fnmatch
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import package as tool

ROOT = Path(__file__).parent.parent
PYTHON = "3.13"
LOCAL = {"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": "a-token-made-up-for-tests"}
AZURE = {
    "SCIM_STORAGE": "https://made-up.table.core.windows.net",
    "SCIM_KEY_VAULT": "https://made-up.vault.azure.net",
    "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000000",
}
NAMES = "import function_app as f; print(*sorted(each.get_function_name() for each in f.app.get_functions()))"


@pytest.fixture(scope="session")
def python() -> Path:
    """A Python of the version that the package is built for."""
    try:
        return tool.interpreter(PYTHON)
    except tool.PackageError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The function app as it is now: it may be edited while tests run."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("host.json", "function_app.py"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "scim", folder / "scim", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="session")
def built(python: Path, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built once; installed dependencies are kept from run to run, as `make package` keeps them."""
    return tool.build(PYTHON, tmp_path_factory.mktemp("package") / "released-package.zip", checkout)


@pytest.fixture(scope="session")
def names(built: Path) -> list[str]:
    with zipfile.ZipFile(built) as content:
        return content.namelist()


@pytest.fixture(scope="session")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    shutil.unpack_archive(built, folder)
    return folder


def run(python: Path | str, code: str, environment: dict[str, str], *options: str, folder: Path = ROOT) -> str:
    command = [str(python), "-B", *options, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def in_package(python: Path, unpacked: Path, code: str, environment: dict[str, str]) -> str:
    """Run code with the standard library and the package on the path, and nothing else of this machine."""
    path = [str(unpacked), str(unpacked / tool.SITE_PACKAGES)]
    return run(python, f"import sys; sys.path[:0] = {path!r}; {code}", environment, "-I", "-S", folder=unpacked)


class TestWhatRuns:
    @pytest.mark.parametrize("environment", [LOCAL, AZURE], ids=["local", "azure"])
    def test_the_package_has_the_functions_of_the_checkout(
        self, python: Path, checkout: Path, unpacked: Path, environment: dict[str, str]
    ) -> None:
        """An error at import shows in Azure as an app without functions, so it must show here."""
        found = in_package(python, unpacked, NAMES, environment)

        assert found == run(sys.executable, NAMES, LOCAL, folder=checkout)
        assert len(found.split()) > 5

    def test_what_is_imported_late_is_there_too(self, python: Path, unpacked: Path) -> None:
        """Credentials are imported at the first request; their compiled parts must fit Linux and the Python."""
        code = "from scim.azure.identity import identity; print(type(identity('made-up')).__name__)"

        assert in_package(python, unpacked, code, AZURE) == "ManagedIdentityCredential"

    def test_compiled_code_is_used_and_names_its_place_in_azure(self, python: Path, unpacked: Path) -> None:
        """Python must not compile at the start; tracebacks then show the lines of the source beside it."""
        code = (
            "import scim.service.endpoints as e;"
            "print(e.__cached__, e.__loader__.get_code('scim.service.endpoints').co_filename)"
        )
        cached, source = in_package(python, unpacked, code, LOCAL).split()

        assert Path(cached).is_file()
        assert source == f"{unpacked}/scim/service/endpoints.py", "the import system puts the true place in"
        compiled = (unpacked / "scim/service/__pycache__/endpoints.cpython-313.pyc").read_bytes()
        assert b"/home/site/wwwroot/scim/service/endpoints.py" in compiled

    def test_source_newer_than_its_compiled_code_does_not_matter(self, python: Path, unpacked: Path) -> None:
        """Times of files mean nothing after a zip was unpacked; a stale-looking .pyc is used all the same."""
        folder = unpacked / "probe"
        folder.mkdir()
        (folder / "__init__.py").write_text("value = 'compiled'")
        tool.compile_all(python, folder)
        (folder / "__init__.py").write_text("value = 'source, newer and longer'")

        assert in_package(python, unpacked, "import probe; print(probe.value)", LOCAL) == "compiled"
        shutil.rmtree(folder)


class TestContents:
    def test_host_json_is_at_the_root(self, unpacked: Path) -> None:
        """Otherwise the host finds no function app."""
        assert json.loads((unpacked / "host.json").read_text())["version"] == "2.0"

    def test_every_source_has_its_compiled_code_for_this_python(self, python: Path, names: list[str]) -> None:
        """One .pyc for each .py and none for another Python."""
        compiled = {name for name in names if name.endswith(".pyc")}
        expected = {
            f"{PurePosixPath(name).parent / '__pycache__' / PurePosixPath(name).stem}.cpython-313.pyc"
            for name in names
            if name.endswith(".py")
        }
        assert compiled == expected

    def test_compiled_code_is_never_checked_against_the_source(self, python: Path, built: Path) -> None:
        """PEP 552: flags 0b01 say hash-based and unchecked; the magic number is that of the Python."""
        magic = run(python, "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())", {})
        with zipfile.ZipFile(built) as content:
            heads = {content.read(name)[:8].hex() for name in content.namelist() if name.endswith(".pyc")}

        assert heads == {magic + "01000000"}

    def test_no_tests_and_no_tools(self, names: list[str]) -> None:
        """What does not run in Azure is not there: tests, scripts, type stubs, command lines and what they need."""
        unwanted = ["tests/*", "*/tests/*", "*/bin/*", "*.pyi", "*.c", "*/rich/*", "*/pytest/*", "*/pip/*"]
        unwanted += ["scim/simulate/*", "scim/commands/*", "scim/local.py", "local.settings*"]
        unwanted += ["*/RECORD", "*/INSTALLER", "*/direct_url.json"]

        assert [name for name in names for pattern in unwanted if fnmatch.fnmatch(name, pattern)] == []

    def test_what_is_in_it_runs_there(self, names: list[str]) -> None:
        """Each module of the product is imported by function_app.py, by a module that is, or by its name in one."""
        packed = {_module(name): ROOT / name for name in names if re.fullmatch(r"scim/.+\.py|function_app\.py", name)}
        reached: set[str] = set()
        waiting = {"function_app"}
        while waiting:
            reached |= waiting
            waiting = {each for module in waiting for each in _named(packed[module]) if each in packed} - reached

        assert {module for module, path in packed.items() if path.name != "__init__.py"} - reached == set()

    def test_what_is_left_out_exists(self) -> None:
        """The list of what is left out has no dead entries."""
        assert [name for name in tool.LEFT_OUT if not (ROOT / name).exists()] == []

    def test_licences_are_passed_on(self, names: list[str]) -> None:
        """Most licences of the dependencies ask for their text to go with the code."""
        metadata = {name.split("/")[-2] for name in names if name.endswith(".dist-info/METADATA")}
        licensed = {part for name in names for part in name.split("/") if "licen" in name.lower()}

        assert len(metadata) == len(lines(PYTHON))
        assert len(metadata & licensed) >= 0.9 * len(metadata)

    def test_the_package_is_small(self, built: Path) -> None:
        """The platform fetches and unpacks it at each cold start."""
        assert built.stat().st_size < 20_000_000

    def test_each_heavy_part_has_a_reason(self, built: Path) -> None:
        """More than 100 KB is explained in the report of the build."""
        unexplained = [line for line in list(tool.report(built))[1:] if len(line.split(maxsplit=3)) < 4]

        assert [line for line in unexplained if "other" not in line] == []


class TestFolder:
    def test_the_folder_holds_what_the_zip_holds(
        self, python: Path, checkout: Path, names: list[str], tmp_path: Path
    ) -> None:
        """azd and the Functions tools make the zip themselves; compiled code stays, since nothing is ignored."""
        folder = tool.build_folder(PYTHON, tmp_path / "azd", checkout)

        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert found == {*names, ".funcignore"}
        lines = (folder / ".funcignore").read_text().splitlines()
        assert [line for line in lines if line and not line.startswith("#")] == []

    def test_a_package_that_is_there_is_replaced(self, python: Path, checkout: Path, tmp_path: Path) -> None:
        """What a module was called before must not be deployed with what it is called now."""
        folder = tmp_path / "azd"
        folder.mkdir()
        (folder / "host.json").write_text("{}")
        (folder / "gone.py").write_text("")
        tool.build_folder(PYTHON, folder, checkout)

        assert not (folder / "gone.py").exists()

    def test_a_folder_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        """Whoever names the wrong folder loses nothing."""
        (tmp_path / "letter.txt").write_text("dear")
        with pytest.raises(tool.PackageError, match="holds something else than a package"):
            tool.build_folder(PYTHON, tmp_path)

        assert (tmp_path / "letter.txt").read_text() == "dear"


class TestReproducibility:
    def test_the_same_checkout_gives_the_same_bytes(self, built: Path, checkout: Path, tmp_path: Path) -> None:
        """Anybody can build the released package again; the second time nothing installed before is used."""
        again = tool.build(PYTHON, tmp_path / "again.zip", checkout, cache=tmp_path / "cache")

        assert again.read_bytes() == built.read_bytes()

    def test_entries_are_sorted_and_have_one_time_and_mode(self, built: Path) -> None:
        """Nothing of the machine that built it is in the zip."""
        with zipfile.ZipFile(built) as content:
            entries = content.infolist()

        assert [each.filename for each in entries] == sorted(each.filename for each in entries)
        assert {(each.date_time, each.external_attr >> 16) for each in entries} == {((1980, 1, 1, 0, 0, 0), 0o100644)}

    @pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
    def test_the_lock_has_what_requirements_ask_for(self, version: str) -> None:
        """A pin that was changed needs the lock written anew, for each Python: --lock."""
        asked = [
            Requirement(line)
            for line in (ROOT / "requirements.txt").read_text().splitlines()
            if line and not line.startswith("#")
        ]
        wanted = {
            f"{canonicalize_name(each.name)}{each.specifier}"
            for each in asked
            if each.marker is None or each.marker.evaluate({"python_version": version})
        }
        assert wanted <= {line.split()[0] for line in lines(version)}
        assert all(" --hash=sha256:" in line for line in lines(version))
        assert [line for line in lines(version) if ";" in line] == [], "a marker would hide what this Python needs"


class TestFailures:
    def test_a_missing_python_is_named(self) -> None:
        """The builder is told which version to install and why."""
        with pytest.raises(tool.PackageError, match=r"Python 3\.99 is not installed"):
            tool.interpreter("3.99")

    def test_a_missing_lock_is_named(self, tmp_path: Path) -> None:
        """There is one for each Python that the function app may use."""
        with pytest.raises(tool.PackageError, match=r"3\.99\.txt: write it with --lock --python-version 3\.99"):
            tool.dependencies("3.99", Path(sys.executable), tmp_path)

    def test_nothing_is_installed_without_its_hash(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither what the lock lacks nor another file under the same name."""
        asked: list[tuple[str, ...]] = []
        monkeypatch.setattr(tool, "_pip", lambda _python, _version, *options: asked.append(options))
        monkeypatch.setattr(tool, "prune", lambda folder: folder.mkdir())
        tool.dependencies(PYTHON, Path(sys.executable), tmp_path)
        [options] = asked
        assert {"--require-hashes", "--no-deps"} <= set(options)

    def test_a_folder_without_function_app_is_no_checkout(self, tmp_path: Path) -> None:
        """An empty package would deploy, and then have no functions."""
        with pytest.raises(tool.PackageError, match=r"no host\.json and no function_app\.py"):
            tool.copy_application(tmp_path, tmp_path / "stage")

    def test_source_that_does_not_compile_stops_the_build(self, tmp_path: Path) -> None:
        """It would fail in Azure, at the first import."""
        (tmp_path / "broken.py").write_text("def broken(:\n")
        with pytest.raises(tool.PackageError, match="do not compile"):
            tool.compile_all(Path(sys.executable), tmp_path)


def test_publishing_from_a_checkout_sends_only_what_runs() -> None:
    """`func azure functionapp publish` reads .funcignore; requirements.txt goes along for a build in Azure."""
    text = (ROOT / ".funcignore").read_text()
    ignored = [line for line in text.splitlines() if line and not line.startswith("#")]
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    tracked = listing.stdout.split()

    def is_ignored(name: str) -> bool:
        parts = PurePosixPath(name).parts
        beginnings = ["/".join(parts[: length + 1]) for length in range(len(parts))]
        return any(fnmatch.fnmatch(each, pattern) for pattern in ignored for each in [*beginnings, *parts])

    sent = {name for name in tracked if not is_ignored(name) and (ROOT / name).exists()}
    parts = (".py", ".json")
    modules = {name for name in tracked if name.startswith("scim/") and name.endswith(parts)}
    modules |= {name for name in tracked if name.startswith(f"{tool.CONSOLE}/")}
    left_out = {name for name in modules if any(name == each or name.startswith(f"{each}/") for each in tool.LEFT_OUT)}
    assert sent == {"function_app.py", "host.json", "requirements.txt"} | (modules - left_out)
    written = ["backup.ndjson", "backup.ndjson.gz", "other.db", "other.db-wal", "captured.json", "signing-key.pem"]
    assert all(is_ignored(name) for name in written), "what commands write here holds personal data, or keys"
    kept = subprocess.run(["git", "check-ignore", *written], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603, S607
    assert kept.stdout.split() == written


def _module(name: str) -> str:
    """Return the dotted name of a file of the checkout."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _named(path: Path) -> set[str]:
    """Return every module that a file imports, at its top or later, or names in a text to import it by."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def lines(version: str) -> list[str]:
    """Return the lines of a lock without its comment."""
    return [line for line in tool.lock_file(version).read_text().splitlines() if not line.startswith("#")]
