"""Cold start: from the start of a process to the first answer, under the real worker of Azure Functions.

    python -m bench.cold_start [--rounds 9] [--write]

The package that Azure runs is built and unpacked, beside it two trivial function apps with the same dependencies: one
does nothing, one asks vault and table once through the Azure SDKs, which is what any app pays that uses them. All are
started in turn, with compiled code and without, each time in a new process, and the medians are printed as
Markdown, with the processor time of each import below. Python 3.13 with requirements-dev.txt, and Azurite, are needed.

What is not measured: the platform's own part (an instance, the host, the mount of the package) and real networks. The
vault, the identity endpoint and Table Storage are stand-ins on this machine, and the files are in the page cache.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.hosts.stand_ins import TOKEN, stand_ins
from tests import azurite
from tools import package

HERE = Path(__file__).resolve().parent
TRIVIAL = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="hello", methods=["GET"])
async def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")
"""
SDKS = """
import os

import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient
from azure.identity.aio import ManagedIdentityCredential
from azure.keyvault.secrets.aio import SecretClient

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="hello", methods=["GET"])
async def hello(req: func.HttpRequest) -> func.HttpResponse:
    identity = ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"])
    vault = SecretClient(os.environ["SCIM_KEY_VAULT"], identity, verify_challenge_resource=False)
    versions = [each.version async for each in vault.list_properties_of_secret_versions("scim-token")]
    await vault.get_secret("scim-token", versions[0])
    try:
        await TableClient.from_connection_string(os.environ["SCIM_STORAGE"], "scim").get_entity("scim", "hello")
    except ResourceNotFoundError:
        return func.HttpResponse("hello")
"""
USERS = "https://made.up/scim/v2/Users"
MADE_UP = {
    "SCIM_STORAGE": "https://made-up.table.core.windows.net",
    "SCIM_KEY_VAULT": "https://made-up.vault.azure.net",
    "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000000",
}


@dataclass
class Start:
    """One way to start: which app, what is asked, and the seconds that each round took."""

    name: str
    app: Path
    arguments: tuple[str, ...]
    status: int
    environment: dict[str, str] = field(default_factory=dict)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Start a process, wait for its answer, and keep the seconds."""
        command = [sys.executable, "-B", str(HERE / "hosts" / "first_answer.py"), str(self.app), *self.arguments]
        environment = {"PATH": os.environ["PATH"], **self.environment}
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603
            line = process.stdout.readline() if process.stdout else ""
            self.wall.append(time.perf_counter() - began)
        answer = json.loads(line)
        if answer["status"] != self.status:
            raise SystemExit(f"{self.name}: answered {answer['status']} instead of {self.status}")
        self.cpu.append(answer["cpu"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the cold start.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    text = measured(options.rounds)
    sys.stdout.write(text)
    if options.write:
        from bench.page.machine import described, load, revision
        from bench.page.sections import write_section

        taken = described(["azure-functions-runtime"], further=[f"commit {revision()}", load()])
        command = f"python -m bench.cold_start --rounds {options.rounds} --write"
        write_section("cold-start", f"`{command}`; {taken}.\n\n{text}")


def measured(rounds: int) -> str:
    """Return both tables as Markdown."""
    with tempfile.TemporaryDirectory() as folder, azurite.running() as storage, stand_ins() as azure:
        apps = _apps(Path(folder))
        starts = [start for compiled in (True, False) for start in _starts(apps, compiled, {**azure}, storage)]
        for _ in range(rounds):
            for start in starts:
                start.run()
        lines = [*_starts_table(starts, rounds), "", *_imports_table(apps["scim", True], rounds)]
    return "\n".join(lines) + "\n"


def _starts(apps: dict[tuple[str, bool], Path], compiled: bool, azure: dict[str, str], storage: str) -> Iterator[Start]:
    local = {"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": TOKEN}
    hello, scim = ("hello", "https://made.up/hello"), apps["scim", compiled]
    yield Start("trivial app", apps["trivial", compiled], hello, 200)
    yield Start("SCIM, SQLite and a token: users listed", scim, ("ListUsers", USERS, TOKEN), 200, local)
    deployed = {**azure, "SCIM_STORAGE": storage}
    yield Start("trivial app that asks vault and table", apps["sdks", compiled], hello, 200, deployed)
    yield Start("SCIM as deployed: a request without token refused", scim, ("ListUsers", USERS), 401, MADE_UP)
    name = "SCIM as deployed: identity, vault, table, users listed"
    yield Start(name, scim, ("ListUsers", USERS, TOKEN), 200, deployed)


def _apps(folder: Path) -> dict[tuple[str, bool], Path]:
    """Unpack both packages, once with compiled code and once without."""
    version = "{}.{}".format(*sys.version_info)
    apps = {}
    for name, code in (("trivial", TRIVIAL), ("sdks", SDKS), ("scim", "")):
        root = _source(folder / f"{name}-root", code) if code else package.ROOT
        built = package.build(version, folder / f"{name}.zip", root, package.ROOT / "build" / "package")
        apps[name, True], apps[name, False] = folder / name, folder / f"{name}-source"
        shutil.unpack_archive(built, apps[name, True])
        shutil.copytree(apps[name, True], apps[name, False], ignore=shutil.ignore_patterns("__pycache__"))
    return apps


def _source(folder: Path, code: str) -> Path:
    """Make the folder of a function app that is this code alone."""
    folder.mkdir()
    (folder / "function_app.py").write_text(code)
    shutil.copy(package.ROOT / "host.json", folder)
    return folder


def _starts_table(starts: list[Start], rounds: int) -> Iterator[str]:
    yield f"Process start to first answer, medians of {rounds} rounds in turn; load {os.getloadavg()[0]:.1f}."
    yield ""
    yield "| start | .pyc | ms | processor ms | times the trivial app | by processor time |"
    yield "|---|---|--:|--:|--:|--:|"
    trivial = starts[0]
    for start in starts:
        compiled = "no" if start.app.name.endswith("-source") else "yes"
        wall, cpu = statistics.median(start.wall), statistics.median(start.cpu)
        times, by_cpu = wall / statistics.median(trivial.wall), cpu / statistics.median(trivial.cpu)
        yield f"| {start.name} | {compiled} | {wall * 1e3:.0f} | {cpu * 1e3:.0f} | {times:.2f} | {by_cpu:.2f} |"


def _imports_table(app: Path, rounds: int, least: float = 2.0) -> Iterator[str]:
    """Yield what each package costs to import, if it is more than `least` milliseconds."""
    packages: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for module, microseconds in _fastest_imports(app, rounds).items():
        packages[_package(module)] += microseconds
        modules[_package(module)] += 1
    total = packages.total() / 1e3
    yield f"Imports as deployed, with azure.identity, which the first token needs: {total:.0f} ms."
    yield ""
    yield "| package | ms | modules |"
    yield "|---|--:|--:|"
    for name, microseconds in packages.most_common():
        if microseconds / 1e3 >= least:
            yield f"| {name} | {microseconds / 1e3:.1f} | {modules.pop(name)} |"
            total -= microseconds / 1e3
    yield f"| all others | {total:.1f} | {modules.total()} |"


def _fastest_imports(app: Path, rounds: int) -> dict[str, int]:
    """Return the own microseconds of each module; the fastest round counts, for the others were only disturbed."""
    path = [str(app), str(app / package.SITE_PACKAGES)]
    code = f"import sys; sys.path[:0] = {path}; import function_app, azure.identity.aio"
    command = [sys.executable, "-B", "-I", "-S", "-X", "importtime", "-c", code]
    fastest: dict[str, int] = {}
    for _ in range(rounds):
        done = subprocess.run(command, env=MADE_UP, capture_output=True, text=True, check=True)  # noqa: S603
        for microseconds, module in _imports(done.stderr):
            fastest[module] = min(fastest.get(module, microseconds), microseconds)
    return fastest


def _imports(report: str) -> Iterator[tuple[int, str]]:
    """Yield the own microseconds and the name of each module from the report of -X importtime."""
    for line in report.splitlines():
        own, _, name = line.removeprefix("import time:").replace("|", " ").strip().partition(" ")
        if line.startswith("import time:") and own.isdecimal():
            yield int(own), name.split()[-1]


def _package(module: str) -> str:
    """Return the package to which a module's time is counted."""
    parts = module.split(".")
    if parts[0] == "azure":
        return ".".join(parts[:3] if parts[1:2] in (["data"], ["keyvault"]) else parts[:2])
    return "Python itself" if parts[0] in sys.stdlib_module_names else parts[0]


if __name__ == "__main__":
    main()
