"""The parts of docs/benchmarks.md, each between its own marks, so that one measurement does not touch another's."""

from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.md"


def write_section(name: str, text: str, document: Path = DOCUMENT) -> None:
    """Put text between `<!-- name:begin -->` and `<!-- name:end -->`. Raises SystemExit when a mark is missing."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found_begin, rest = document.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise SystemExit(f"{document} must have a line {begin} and, below it, a line {end}")
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")
