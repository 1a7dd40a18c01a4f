"""Make anew what is compiled from the Bicep: python -m tools.template, or `make template`.

Formats every Bicep file, lets the compiler judge it, and writes:

- infra/azuredeploy.json, which the button deploys.
- infra/snapshots/NAME.snapshot.json for each NAME.bicepparam there: every resource that this set of parameters makes,
  with its name and properties. Tests read them, and show in a review what a change of the Bicep changes in Azure.
- The table of roles in docs/deploy.md.
- The version of pyproject.toml, in main.bicep and azure.yaml.

The compiler is the one that the variable BICEP names, or `bicep` on the path. It writes its version into
azuredeploy.json, so a newer one changes that file: take it in a commit of its own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tools import roles

ROOT = Path(__file__).resolve().parent.parent
INFRA = ROOT / "infra"
COMPILED = INFRA / "azuredeploy.json"
NOWHERE = "00000000-0000-0000-0000-000000000000"
"""The subscription and the tenant in which snapshots pretend to deploy."""


VERSIONED = {
    "infra/main.bicep": r"(param releaseTag string = 'v)[^']*(')",
    "azure.yaml": r"(template: entra-scim-functions@)\S+()",
}
"""Where the version of the product stands besides pyproject.toml: around it, as a pattern."""


class TemplateError(Exception):
    """The templates cannot be compiled; the text says what is wrong, or what is missing."""


def find_compiler() -> Path | None:
    """Return the Bicep compiler that BICEP names or the path has, None without one."""
    found = os.environ.get("BICEP") or shutil.which("bicep")
    return Path(found) if found else None


def compiled_by() -> str:
    """Return the version of the compiler that wrote azuredeploy.json, such as 0.49.2."""
    generator = json.loads(COMPILED.read_text(encoding="utf-8"))["metadata"]["_generator"]
    return ".".join(generator["version"].split(".")[:3])


def run(compiler: Path, *arguments: str) -> str:
    """Return what the compiler prints; raise TemplateError with its findings when it fails or complains."""
    # Without this it wants a library of languages that small machines lack.
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    command = [str(compiler), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    # To the compiler a property that does not exist is a warning; in Azure it is a setting that is not made.
    if done.returncode != 0 or " : Warning " in done.stderr:
        raise TemplateError(f"{done.stderr}{done.stdout}".strip())
    return done.stdout


def format_all(compiler: Path, infra: Path) -> None:
    """Write every Bicep file in the one form that the compiler knows."""
    run(compiler, "format", "--pattern", f"{infra.as_posix()}/**/*.bicep*")


def build(compiler: Path, infra: Path, out: Path) -> None:
    """Compile main.bicep into `out`, if nothing in it, in azd's or in the parameters is to be complained of."""
    run(compiler, "lint", "--pattern", f"{infra.as_posix()}/**/main.bicep")
    for parameters in (infra / "main.bicepparam", infra / "azd" / "main.bicepparam"):
        run(compiler, "build-params", str(parameters), "--stdout")
    run(compiler, "build", str(infra / "main.bicep"), "--outfile", str(out))


def snapshot(compiler: Path, parameters: Path, mode: str) -> None:
    """Write the snapshot of a set of parameters (mode `Overwrite`), or compare it with the one there (`Validate`).

    Raises TemplateError with the difference, resource by resource.
    """
    place = ["--tenant-id", NOWHERE, "--subscription-id", NOWHERE, "--location", "westeurope"]
    is_for_subscription = "azd/" in parameters.read_text(encoding="utf-8").splitlines()[0]
    group = [] if is_for_subscription else ["--resource-group", "rg-scim"]
    run(compiler, "snapshot", str(parameters), "--mode", mode, *place, *group)


def write_version(root: Path) -> None:
    """Write the version in pyproject.toml, the only place to raise it, where others read it."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for name, pattern in VERSIONED.items():
        file = root / name
        text = re.sub(pattern, rf"\g<1>{version}\g<2>", file.read_text(encoding="utf-8"))
        file.write_text(text, encoding="utf-8")


def sort_outputs(file: Path) -> None:
    """Give the outputs of a snapshot an order; the compiler writes them in another one each time."""
    content = json.loads(file.read_text(encoding="utf-8"))
    content["outputs"] = dict(sorted(content["outputs"].items()))
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def sets_of_parameters(infra: Path) -> Iterable[Path]:
    """Return the files of parameters of which there is a snapshot."""
    return sorted((infra / "snapshots").glob("*.bicepparam"))


def main() -> int:
    """Make everything anew; return the exit code."""
    compiler = find_compiler()
    try:
        if compiler is None:
            version = compiled_by()
            raise TemplateError(
                f"There is no Bicep compiler: install {version} from https://github.com/Azure/bicep/releases, and put "
                "it on the path or name it in the variable BICEP."
            )
        write_version(ROOT)
        format_all(compiler, INFRA)
        build(compiler, INFRA, COMPILED)
        for parameters in sets_of_parameters(INFRA):
            snapshot(compiler, parameters, "Overwrite")
            sort_outputs(parameters.with_suffix(".snapshot.json"))
        roles.PAGE.write_text(roles.written(), encoding="utf-8")
    except TemplateError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
