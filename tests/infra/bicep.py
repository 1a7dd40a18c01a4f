"""The Bicep files as plain values, read by a parser that needs no compiler."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pycep import BicepParser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
MODULES = sorted(path.stem for path in (INFRA / "modules").glob("*.bicep"))
FILES = ["main.bicep", *(f"modules/{name}.bicep" for name in MODULES)]


@dataclass(frozen=True)
class Declaration:
    """A parameter, output, resource or module: its decorators, its condition, and its body without loop."""

    name: str
    decorators: dict[str, Any]
    body: Any
    condition: Any = None
    kind: str = ""
    version: str = ""
    existing: bool = False


@cache
def parsed(file: str) -> dict[str, Any]:
    """What the parser makes of one file, given relative to infra/."""
    return dict(BicepParser().parse(file_path=INFRA / file))


def source(file: str) -> str:
    """The text of one file, given relative to infra/."""
    return (INFRA / file).read_text(encoding="utf-8")


def parameters(file: str) -> dict[str, Declaration]:
    """Parameters by name; the body is the default, None without one."""
    return {name: _declaration(name, value, value["default"]) for name, value in _section(file, "parameters")}


def outputs(file: str) -> dict[str, Declaration]:
    """Outputs by name; the body is the value."""
    return {name: _declaration(name, value, value["value"]) for name, value in _section(file, "outputs")}


def variables(file: str) -> dict[str, Any]:
    """Values of the variables by name."""
    return {name: _without_loop(value["value"]) for name, value in _section(file, "variables")}


def resources(file: str) -> dict[str, Declaration]:
    """Resources by symbolic name."""
    return {name: _declaration(name, value, value["config"]) for name, value in _section(file, "resources")}


def modules(file: str = "main.bicep") -> dict[str, Declaration]:
    """Modules by symbolic name; the kind is the path of the file."""
    return {name: _declaration(name, value, value["config"]) for name, value in _section(file, "modules")}


def dotted(value: Any) -> str:
    """An access such as `vault.id` as text; a plain value as its text."""
    if isinstance(value, dict) and value.get("operator", {}).get("type") == "property_accessor":
        return ".".join(dotted(operand) for operand in value["operator"]["operands"].values())
    return str(value)


def leaves(value: Any) -> Iterator[Any]:
    """Every key and every plain value inside a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def _section(file: str, name: str) -> list[tuple[str, Any]]:
    return list(parsed(file).get(name, {}).items())


def _declaration(name: str, value: dict[str, Any], body: Any) -> Declaration:
    condition = body.get("condition") if isinstance(body, dict) and "config" in body else None
    return Declaration(
        name=name,
        decorators={item["type"]: item.get("argument") for item in value["decorators"]},
        body=_without_loop(body),
        condition=condition,
        kind=_kind(value),
        version=value.get("api_version", ""),
        existing=value.get("existing", False),
    )


def _kind(value: dict[str, Any]) -> str:
    if "detail" in value:
        return str(value["detail"]["path"]) if value["type"] == "local" else str(value["type"])
    return str(value["type"])


def _without_loop(body: Any) -> Any:
    """The parser wraps a body in `config` for a condition, and once more for a loop."""
    while isinstance(body, dict) and "config" in body and ("condition" in body or "loop_type" in body):
        body = body["config"]
    return body
