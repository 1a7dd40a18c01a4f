"""Write what a release contains as CycloneDX 1.6: python -m tools.sbom [--python-version 3.13] [--out FILE].

The components are those of tools/locks/PYTHON.txt, which the package is built from, each with the hash of the file that
was installed, and what the console has of others (scim/console/vendor/VENDORED.json). The version is that of
pyproject.toml. The same checkout gives the same bytes.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NAME = "entra-scim-functions"


def version(root: Path = ROOT) -> str:
    """Return the version of the product."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def components(lock: Path) -> Iterator[dict[str, Any]]:
    """Yield each dependency of a lock: `name==version --hash=sha256:...`."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement, *hashes = line.split(" --hash=sha256:")
            name, number = requirement.split("==")
            address = f"pkg:pypi/{name.lower()}@{number}"
            yield {
                "type": "library",
                "bom-ref": address,
                "name": name,
                "version": number,
                "purl": address,
                "hashes": [{"alg": "SHA-256", "content": each.strip()} for each in hashes],
            }


def vendored(listed: Path) -> Iterator[dict[str, Any]]:
    """Yield each package of npm whose files lie beside the console, with their hashes."""
    files = json.loads(listed.read_text(encoding="utf-8"))
    for name, number, licence in sorted({(each["package"], each["version"], each["licence"]) for each in files}):
        address = f"pkg:npm/{name.replace('@', '%40')}@{number}"
        hashes = [each["sha256"] for each in files if each["package"] == name]
        yield {
            "type": "library",
            "bom-ref": address,
            "name": name,
            "version": number,
            "purl": address,
            "licenses": [{"license": {"id": licence}}],
            "hashes": [{"alg": "SHA-256", "content": each} for each in hashes],
        }


def document(python_version: str, root: Path = ROOT) -> dict[str, Any]:
    """Return the whole document (https://cyclonedx.org/docs/1.6/json/)."""
    product = f"pkg:generic/{NAME}@{version(root)}"
    lock = root / "tools" / "locks" / f"{python_version}.txt"
    found = [*components(lock), *vendored(root / "scim" / "console" / "vendor" / "VENDORED.json")]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": product,
                "name": NAME,
                "version": version(root),
                "purl": product,
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": found,
        "dependencies": [{"ref": product, "dependsOn": [each["bom-ref"] for each in found]}],
    }


def main() -> int:
    """Write the document as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Write what a release contains as CycloneDX.")
    parser.add_argument("--python-version", default="3.13", help="Python of the package (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "sbom.cdx.json")
    asked = parser.parse_args()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(document(asked.python_version), indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{asked.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
