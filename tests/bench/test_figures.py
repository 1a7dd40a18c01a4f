"""How figures become tables, a plot and sections of the documentation."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.compare import Cell, Result, memory_table, table
from bench.hosts.servers import OURS, SCIMMY
from bench.load.generator import Burst
from bench.load.rows import ROWS, _joined
from bench.page.plot import bars, draw, growth, lines, ratios, rounded
from bench.page.sections import DOCUMENT, write_section

SVG = "{http://www.w3.org/2000/svg}"


def cell(*rates: int) -> Cell:
    made = Cell()
    for rate in rates:
        made.add(Burst(seconds=[0.001 * n for n in range(1, rate + 1)], elapsed=1.0), cpu=rate * 0.0005)
    return made


def test_a_cell_shows_the_median_round_and_all_latencies() -> None:
    """One bad round does not decide; a percentile is of every request."""
    one = cell(100, 10, 90)

    assert one.rate == 90
    assert (one.percentile(50), one.percentile(99)) == (46, 99)
    assert round(one.cpu_ms, 3) == 0.5


def test_the_table_says_who_is_ahead() -> None:
    """The fastest is bold, and each peer has its ratio to ours."""
    cells = {(row.name, OURS.name): cell(200) for row in ROWS} | {(row.name, SCIMMY.name): cell(100) for row in ROWS}
    lines = table(Result(1000, cells), [OURS, SCIMMY]).splitlines()

    assert lines[2].startswith("| create a user | this project | **200** |")
    assert lines[3].startswith("|  | SCIMMY | 100 |")
    assert lines[3].endswith("| 2.00 x as fast |")
    assert len(lines) == 2 + 2 * len(ROWS)


def test_memory_is_shown_when_filled_and_at_the_end() -> None:
    """One column for each size."""
    results = [Result(1000, {}, {OURS.name: (50.0, 60.0)}), Result(10000, {}, {OURS.name: (120.4, 130.6)})]

    assert memory_table(results, [OURS]).splitlines()[-1].endswith("| 50.0 -> 60.0 | 120 -> 131 |")


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1,234"), (100.0, "100"), (12.34, "12.3"), (1.234, "1.23")])
def test_figures_have_three_digits_that_count(value: float, text: str) -> None:
    """More would pretend a precision that nobody has."""
    assert rounded(value) == text


def drawn(picture: str) -> tuple[set[str | None], list[float]]:
    """The texts of a picture, and the lengths of its bars."""
    root = ElementTree.fromstring(picture)  # noqa: S314 - it is our own
    texts = {each.text for each in root.iter(f"{SVG}text")}
    return texts, [float(each.attrib["width"]) for each in root.iter(f"{SVG}rect") if each.attrib["height"] == "13"]


def test_a_bar_is_as_long_as_this_project_is_faster() -> None:
    """It is XML, names every row and peer, and twice as fast is twice as long; beyond 5 times a figure says it."""
    texts, lengths = drawn(bars({"a & b": {"x": 1.0, "y": 2.0}, "c": {"x": 0.5, "y": 2450.0}}))

    assert texts >= {"a & b", "c", "x", "y", "1.00", "0.50", "2,450 →"}
    assert lengths == [90.0, 180.0, 45.0, 450.0]


def test_a_line_leads_through_each_size() -> None:
    """The figure at its end is the last one."""
    texts, _ = drawn(lines({"GET": {10: 0.2, 1000: 0.25}}))

    assert texts >= {"GET", "10 users", "1,000 users", "0.25"}


def test_the_pictures_are_those_of_the_page() -> None:
    """A new measurement without `python -m bench.page.plot` would show the old one."""
    for file, picture in draw().items():
        assert file.read_text(encoding="utf-8") == picture, file.name


def test_the_tables_of_the_page_are_read() -> None:
    """Each operation beside each peer, and each size up to a million users."""
    page = DOCUMENT.read_text(encoding="utf-8")
    assert [list(peers) for peers in ratios(page).values()] == [["scim2-server", "SCIMMY"]] * len(ROWS)
    assert [list(sizes) for sizes in growth(page).values()] == [[1000, 10_000, 100_000, 1_000_000]] * 4


def test_a_section_leaves_the_rest_alone(tmp_path: Path) -> None:
    """What others wrote stays, and a second run replaces the first."""
    document = tmp_path / "figures.md"
    document.write_text("head\n<!-- a:begin -->\n<!-- a:end -->\n<!-- b:begin -->\nold\n<!-- b:end -->\n")
    write_section("a", "first\n", document)
    write_section("a", "second", document)

    assert document.read_text() == (
        "head\n<!-- a:begin -->\nsecond\n<!-- a:end -->\n<!-- b:begin -->\nold\n<!-- b:end -->\n"
    )


def test_a_section_without_marks_is_told(tmp_path: Path) -> None:
    """Nothing is written where nobody would find it."""
    document = tmp_path / "figures.md"
    document.write_text("<!-- a:begin -->\n")
    with pytest.raises(SystemExit, match="a:end"):
        write_section("a", "text", document)


def test_a_chunked_body_is_joined() -> None:
    """As uvicorn sends what has no length."""
    assert _joined(b'5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n') == b'{"a":1}'
