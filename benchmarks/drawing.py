"""Bars on a logarithmic scale, as SVG that reads in light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

COLOURS = ["#0b7285", "#1098ad", "#66d9e8", "#e8590c", "#ffa94d", "#868e96"]


def bars(title: str, rows: Mapping[str, Mapping[str, float]], *, columns: list[str]) -> str:
    """One group of bars for each row, one bar for each column that the row has; a line marks 1."""
    left, width, thick = 250, 520, 12
    shown = [column for column in columns if any(column in row for row in rows.values())]
    largest = max(row[column] for row in rows.values() for column in shown if column in row)

    def at(value: float) -> float:
        return width * math.log(max(value, 0.5) / 0.5) / math.log(largest * 1.2 / 0.5)

    parts, y = [], 48.0
    for name, row in rows.items():
        own = [column for column in shown if column in row]
        middle = y + thick * len(own) / 2 + 4
        parts.append(f'<text x="{left - 8}" y="{middle:.0f}" text-anchor="end">{escape(name)}</text>')
        for column in own:
            colour, long = COLOURS[columns.index(column) % len(COLOURS)], at(row[column])
            parts.append(f'<rect x="{left}" y="{y:.0f}" width="{long:.1f}" height="{thick - 2}" fill="{colour}"/>')
            parts.append(f'<text x="{left + long + 4:.1f}" y="{y + thick - 3:.0f}" class="s">{row[column]:.2f}</text>')
            y += thick
        y += 10
    for number, column in enumerate(shown):
        x, colour = 20 + number * 125, COLOURS[columns.index(column) % len(COLOURS)]
        parts.append(f'<rect x="{x}" y="{y + 8:.0f}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 15}" y="{y + 17:.0f}">{escape(column)}</text>')
    one = left + at(1.0)
    style = "text{font:12px system-ui,sans-serif;fill:currentColor}.s{font-size:10px}svg{color:#333;background:#fff}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {y + 30:.0f}" role="img">'
        f"<style>{style}@media(prefers-color-scheme:dark){{svg{{color:#ddd;background:#111}}}}</style>"
        f'<text x="20" y="22">{escape(title)}</text>'
        f'<line x1="{one:.1f}" x2="{one:.1f}" y1="36" y2="{y:.0f}" stroke="currentColor" stroke-dasharray="3 3"/>'
        + "".join(parts)
        + "</svg>\n"
    )
