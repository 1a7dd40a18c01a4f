"""Write the table of who may do what into docs/deploy.md, from the snapshot that has every role assignment."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "deploy.md"
SNAPSHOT = ROOT / "infra" / "snapshots" / "isolated.snapshot.json"
BEGIN, END = "<!-- roles: written by make template -->\n", "<!-- end of roles -->\n"

ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "76199698-9eea-4c19-bc75-cec21354c6b6": "Storage Table Data Reader",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
"""Names of built-in roles by their ids, which are the same in every Azure tenant."""
PRINCIPALS = {
    "1": "`adminPrincipalId`, else whoever deploys",
    "2": "each of `dataReaderPrincipalIds`",
    "3": "each of `dataReaderPrincipalIds`",
    "4": "`dataAdminPrincipalId`",
}
"""Who stands behind a made-up id of the snapshot, by its first digit."""
RESOURCES = {"host": "host storage account", "data": "data storage account", "kv-": "key vault", "appi": "logs"}


def assignments() -> Iterator[tuple[str, str, str, str]]:
    """Yield who has which role on what, and what for."""
    for resource in json.loads(SNAPSHOT.read_text(encoding="utf-8"))["predictedResources"]:
        if resource["type"] == "Microsoft.Authorization/roleAssignments":
            properties = resource["properties"]
            role = ROLES[properties["roleDefinitionId"].rsplit("/", 1)[1]]
            yield _who(properties), role, _scope(resource), properties["description"].rstrip(".")


def _who(properties: dict[str, Any]) -> str:
    principal = str(properties["principalId"])
    return "the app" if "userAssignedIdentities" in principal else PRINCIPALS[principal[0]]


def _scope(resource: dict[str, Any]) -> str:
    scope = resource["id"].split("/providers/Microsoft.Authorization/")[0].rsplit("/", 1)[1]
    return next(name for part, name in RESOURCES.items() if part in scope)


def table() -> str:
    """Return the table as Markdown, each holder of a role once."""
    rows = dict.fromkeys(f"| {' | '.join(row)} |\n" for row in assignments())
    return "| who | role | on | for |\n|---|---|---|---|\n" + "".join(rows)


def written() -> str:
    """Return the page with the table of today's snapshot in its place."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}"
