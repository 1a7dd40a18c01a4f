"""A bar chart as SVG, by hand: requests a second of each server in each row, on a logarithmic scale."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

PLOT = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.svg"

_COLOURS = ("#0b5cad", "#7fb2e5", "#d9822b", "#8a8a8a")
_BAR, _GAP, _LEFT, _WIDTH, _TOP, _RIGHT = 11, 12, 190, 560, 86, 70


def plot(rates: Mapping[tuple[str, str], float], rows: Sequence[str], servers: Sequence[str], users: int) -> str:
    """Return the chart; `rates` are requests a second by row and server."""
    least = 10.0 ** math.floor(math.log10(min(rates.values())))
    most = 10.0 ** math.ceil(math.log10(max(rates.values())))
    scale = _WIDTH / math.log10(most / least)
    block = len(servers) * _BAR + _GAP
    height = _TOP + len(rows) * block + 30
    parts = [_head(height, users), *_legend(servers), *_grid(least, most, scale, height)]
    for number, row in enumerate(rows):
        top = _TOP + number * block
        parts.append(_text(_LEFT - 8, top + len(servers) * _BAR / 2 + 4, row, anchor="end"))
        for at, server in enumerate(servers):
            rate = rates[row, server]
            length = max(math.log10(rate / least) * scale, 1.0)
            y = top + at * _BAR
            parts.append(
                f'<rect x="{_LEFT}" y="{y:.1f}" width="{length:.1f}" height="{_BAR - 1}" fill="{_COLOURS[at]}"/>'
            )
            parts.append(_text(_LEFT + length + 4, y + _BAR - 2.5, rounded(rate), size=9))
    return "\n".join([*parts, "</svg>", ""])


def _head(height: float, users: int) -> str:
    width = _LEFT + _WIDTH + _RIGHT
    title = f"Requests a second with {users:,} users: longer is better, each line is ten times the one before"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" role="img"'
            ' font-family="system-ui, sans-serif">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height:.0f}" fill="white"/>',
            _text(12, 24, title, size=14, weight="bold"),
        ]
    )


def _legend(servers: Sequence[str]) -> list[str]:
    parts, x = [], 12.0
    for colour, server in zip(_COLOURS, servers, strict=False):
        parts.append(f'<rect x="{x:.0f}" y="38" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(x + 17, 48, server))
        x += 17 + 7.2 * len(server) + 20
    return parts


def _grid(least: float, most: float, scale: float, height: float) -> list[str]:
    parts = []
    for power in range(round(math.log10(least)), round(math.log10(most)) + 1):
        x = _LEFT + (power - math.log10(least)) * scale
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{height - 22:.0f}" stroke="#ddd"/>')
        parts.append(_text(x, _TOP - 12, f"{10.0**power:,g}", anchor="middle", size=10))
    return parts


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}"'
        f' fill="#222">{escape(text)}</text>'
    )


def rounded(value: float) -> str:
    """Return a figure with three digits that count at most."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
