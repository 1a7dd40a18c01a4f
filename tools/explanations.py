"""Write what the console says of each error, from docs/errors.md: python -m tools.explanations.

The page is the one source. It has a table, *At a glance*, and a section for each error: what it means, examples,
**Do:** and **Entra:**. Links become their texts, since they lead to other pages; examples, and what leads to them, are
left out.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "errors.md"
TARGET = ROOT / "scim" / "console" / "explanations.js"
BEGINNING = 30
"""Characters of an example by which errors of one status are told apart."""


def written(page: str) -> str:
    """Return the module that the console imports."""
    found = json.dumps(explanations(page), ensure_ascii=False, indent=1)
    return (
        "// What each error means and what to do: made of docs/errors.md by `make explanations`.\n\n"
        f"export const explanations = {found}\n\nexport const escrow = {json.dumps(escrow(page))}\n"
    )


def explanations(page: str) -> list[dict[str, Any]]:
    """Return one object for each row of the table, in its order."""
    sections = dict(re.findall(r"^## (.*?)\n\n(.*?)(?=\n## |\Z)", page, re.S | re.M))
    return [_explained(row, sections) for row in _rows(page)]


def escrow(page: str) -> str:
    """Return the paragraph that says when Entra tries again."""
    return _plain(next(each for each in page.split("\n\n") if each.startswith("*Tries again later*")))


def _rows(page: str) -> list[list[str]]:
    table = page.split("\n## At a glance\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:2] == "| "]
    entra = ""
    for row in rows[1:]:
        entra = row[3] if row[3] != "the same" else entra
        row[3] = entra
    return rows[1:]


def _explained(row: list[str], sections: dict[str, str]) -> dict[str, Any]:
    name = re.sub(r".*\(#(.*)\)", r"\1", row[0])
    title, section = next((title, text) for title, text in sections.items() if title.lower() == name)
    paragraphs = re.sub(r"```.*?```", "", section, flags=re.S).split("\n\n")
    told = [_plain(each) for each in re.split(r"\n(?=\*\*\w+:\*\*)|\n\n", "\n\n".join(paragraphs)) if each.strip()]
    details = re.findall(r'"detail": ("(?:[^"\\]|\\.)*")', section)
    return {
        "name": title,
        "status": int(row[1]),
        "scimType": row[2].strip("`").replace("–", ""),
        "means": [_meaning(each) for each in told if not re.match(r"\*\*\w+:\*\*|.*:$", each)],
        "do": _named(told, "Do"),
        "entra": [_sentence(row[3]), *_named(told, "Entra")],
        "begins": sorted({json.loads(each)[:BEGINNING] for each in details}),
    }


def _named(told: list[str], name: str) -> list[str]:
    return [_sentence(each.removeprefix(f"**{name}:** ")) for each in told if each.startswith(f"**{name}:** ")]


def _meaning(text: str) -> str:
    """Return a paragraph without the status and scimType that it begins with."""
    return _sentence(re.sub(r"^\d{3}(?: `\w+`)?(?:\.|,? (?=with|without|in)) ?", "", text))


def _sentence(text: str) -> str:
    return re.sub(r"^\**\w", lambda first: first[0].upper(), text)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"\[(.*?)\]\(.*?\)", r"\1", text).split())


def main() -> int:
    """Write the module anew."""
    TARGET.write_text(written(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
