"""What the compiler made of the Bicep, as plain values: parameters, outputs, and the resources of each snapshot."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
SNAPSHOTS = sorted(path.name.removesuffix(".bicepparam") for path in (INFRA / "snapshots").glob("*.bicepparam"))
FILES = sorted(path.relative_to(INFRA).as_posix() for path in INFRA.rglob("*.bicep"))


@dataclass(frozen=True)
class Resource:
    """One resource that a set of parameters makes. The name is that of the resource alone, without its parents'."""

    kind: str
    version: str
    name: str
    id: str
    body: dict[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body.get("properties", {})
        return found


def source(file: str) -> str:
    """The text of one file, given relative to infra/."""
    return (INFRA / file).read_text(encoding="utf-8")


@cache
def compiled() -> dict[str, Any]:
    """The template that the button deploys."""
    template: dict[str, Any] = json.loads(source("azuredeploy.json"))
    return template


def parameters() -> dict[str, dict[str, Any]]:
    """The parameters of main.bicep by name, each with its type, limits and default."""
    found: dict[str, dict[str, Any]] = compiled()["parameters"]
    return found


def outputs() -> dict[str, dict[str, Any]]:
    """The outputs of main.bicep by name."""
    found: dict[str, dict[str, Any]] = compiled()["outputs"]
    return found


@cache
def resources(snapshot: str) -> tuple[Resource, ...]:
    """Every resource that a set of parameters makes."""
    predicted = json.loads(source(f"snapshots/{snapshot}.snapshot.json"))["predictedResources"]
    return tuple(
        Resource(each["type"], each["apiVersion"], each["name"].rsplit("/", 1)[-1], each["id"], each)
        for each in predicted
    )


def of_kind(snapshot: str, kind: str) -> list[Resource]:
    """The resources of one type."""
    return [each for each in resources(snapshot) if each.kind == kind]


def the(snapshot: str, kind: str, part: str = "") -> Resource:
    """The one resource of a type whose name has a part."""
    (found,) = [each for each in of_kind(snapshot, kind) if part in each.name]
    return found


def app_settings(snapshot: str) -> dict[str, str]:
    """The app settings of the function app, by name."""
    settings = the(snapshot, "Microsoft.Web/sites").properties["siteConfig"]["appSettings"]
    return {each["name"]: each["value"] for each in settings}


def words(value: Any) -> set[str]:
    """Every word in every name and value."""
    return set(re.findall(r"\w+", json.dumps(value)))
