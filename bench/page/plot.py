"""Two pictures of docs/benchmarks.md, drawn from its tables: python -m bench.page.plot.

benchmarks.svg says how many times faster each operation is than at a peer, growth.svg how little an operation grows
with the directory. Both are readable at 700 pixels, on a light and on a dark page.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from bench.page.sections import DOCUMENT

WIDTH = 700
SHOWN = ("GET by id", "filter userName, hit", "create", "PATCH displayName and email")
"""What the picture of growth has a line for."""
_LEFT, _RIGHT, _BAR, _GAP, _TOP = 190, 60, 15, 12, 74
_MOST = 5.0
"""Times faster at which a bar leaves the picture: a scale for all would leave nothing to see of most."""
_COLOURS = ("#0b6bcb", "#d9822b", "#2f9e66", "#b0499a")
_STYLE = """<style>
text { font-family: system-ui, sans-serif; font-size: 13px; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .small { font-size: 12px }
line, polyline { stroke: #b5bcc4; fill: none } .even { stroke: #1f2328; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } line, polyline { stroke: #5b636d } .even { stroke: #e6edf3 }
}
</style>"""

Ratios = dict[str, dict[str, float]]
Growth = dict[str, dict[int, float]]


def ratios(page: str) -> Ratios:
    """Return how many times as fast this project is, by operation and peer, from the table of 10,000 users."""
    table = page.split("### 10,000 users")[1].split("###")[0]
    found: Ratios = {}
    row = ""
    for name, server, told in re.findall(r"^\| ([^|]*) \| ([^|]+) \|.*\| ([^|]*) \|$", table, re.M):
        row = name.strip() or row
        if times := re.match(r"([\d,.]+) x as fast", told):
            found.setdefault(row, {})[server] = float(times[1].replace(",", ""))
    return found


def growth(page: str) -> Growth:
    """Return median milliseconds by operation and number of users, from the table of SQLite."""
    table = page.split("### SQLite, by the number of users")[1].split("###")[0]
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "|" in line]
    sizes = {at: int(cell.replace(",", "")) for at, cell in enumerate(head) if re.fullmatch(r"[\d,]+", cell)}
    medians = {cells[0]: {size: cells[at].split(" / ")[0] for at, size in sizes.items()} for cells in rows[1:]}
    return {name: {size: float(text) for size, text in medians[name].items()} for name in SHOWN}


def bars(found: Ratios) -> str:
    """Return the picture of how many times faster, a bar for each operation and peer, on a linear scale."""
    peers = list(next(iter(found.values())))
    block = len(peers) * _BAR + _GAP
    height = _TOP + len(found) * block + 24
    scale = (WIDTH - _LEFT - _RIGHT) / _MOST
    parts = [_legend(peers, 46)]
    for mark in range(int(_MOST) + 1):
        x = _LEFT + mark * scale
        kind = ' class="even"' if mark == 1 else ""
        parts.append(f'<line{kind} x1="{x:.0f}" y1="{_TOP - 6}" x2="{x:.0f}" y2="{height - 24}"/>')
        parts.append(_text(x, height - 8, "as fast" if mark == 1 else f"{mark} x", "middle", "small"))
    for number, (row, times_by_peer) in enumerate(found.items()):
        top = _TOP + number * block
        parts.append(_text(_LEFT - 8, top + block / 2, row, "end"))
        for at, (peer, times) in enumerate(times_by_peer.items()):
            length = min(times, _MOST) * scale
            y = top + at * _BAR
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 2}" fill="{_colour(peers, peer)}"/>'
            )
            beyond = " →" if times > _MOST else ""
            parts.append(_text(_LEFT + length + 5, y + _BAR - 4, f"{rounded(times)}{beyond}", kind="small"))
    return _picture("How many times faster than a peer, with 10,000 users", height, parts)


def lines(found: Growth) -> str:
    """Return the picture of milliseconds by the number of users: each step to the right is ten times as many."""
    sizes = list(next(iter(found.values())))
    most = max(max(each.values()) for each in found.values()) * 1.2
    height, bottom, left = 300, 260, 60
    step = (WIDTH - left - 60) / (len(sizes) - 1)
    parts = [_legend(list(found), 46)]
    for tenths in range(0, int(most * 10) + 1, 2):
        y = bottom - tenths / 10 / most * (bottom - _TOP)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{WIDTH - 60}" y2="{y:.1f}"/>')
        parts.append(_text(left - 6, y + 4, f"{tenths / 10:g} ms", "end", "small"))
    for at, size in enumerate(sizes):
        parts.append(_text(left + at * step, bottom + 20, f"{size:,} users", "middle", "small"))
    for name, medians in found.items():
        points = [(left + at * step, bottom - medians[size] / most * (bottom - _TOP)) for at, size in enumerate(sizes)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        colour = _colour(list(found), name)
        parts.append(f'<polyline points="{path}" style="stroke: {colour}; stroke-width: 2.5"/>')
        parts.append(_text(points[-1][0] + 6, points[-1][1] + 4, f"{medians[sizes[-1]]:.2f}", kind="small"))
    return _picture("Milliseconds of one operation, as the directory grows", height, parts)


def _picture(title: str, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
    return "\n".join(
        [head, f"<title>{escape(title)}</title>", _STYLE, _text(8, 22, title, kind="title"), *parts, "</svg>", ""]
    )


def _legend(names: Sequence[str], y: float) -> str:
    parts, x = [], 8.0
    for name in names:
        parts.append(f'<rect x="{x:.0f}" y="{y - 11}" width="12" height="12" fill="{_colour(names, name)}"/>')
        parts.append(_text(x + 17, y, name))
        x += 17 + 7.4 * len(name) + 16
    return "\n".join(parts)


def _colour(names: Sequence[str], name: str) -> str:
    return _COLOURS[list(names).index(name) % len(_COLOURS)]


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    chosen = f' class="{kind}"' if kind else ""
    return f'<text{chosen} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def rounded(value: float) -> str:
    """Return a figure with three digits that count at most."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def draw(document: Path = DOCUMENT) -> dict[Path, str]:
    """Return both pictures of a page, by the file that each belongs into."""
    page = document.read_text(encoding="utf-8")
    return {
        document.with_name("benchmarks.svg"): bars(ratios(page)),
        document.with_name("growth.svg"): lines(growth(page)),
    }


def write(document: Path = DOCUMENT) -> None:
    """Draw both pictures anew, after a table of the page has changed."""
    for file, picture in draw(document).items():
        file.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    write()
