"""``privet risk --html``: what singles people out, drawn before and after on one page, which asks no network."""

from __future__ import annotations

from importlib import resources
from typing import Any

from markupsafe import Markup, escape

from privet.cli.risk_words import facts, in_words, percent
from privet.study.report.svg import Drawing, Scale, fit, responsive

_ROW = 60
_PAGE = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Re-identification risk: {title}</title>
<style>{style}</style>
</head>
<body>
<header class="page-head">
<p class="overline">Re-identification risk</p>
<h1>{title}</h1>
<p class="byline">{people} people, {columns} columns that others may know</p>
</header>
<main>
<section>
<h2>What singles people out</h2>
<p class="statement">{statement}</p>
<figure>{figure}<figcaption>{caption}</figcaption></figure>
</section>
<section>
<h2>In figures</h2>
<div class="scroll"><table>{rows}</table></div>
</section>
{direct}{aside}
</main>
<footer class="page-foot"><p>Read from the data, with no guarantee: for its owner, and not to be passed on. Whoever
knows other columns may single out more.</p></footer>
</body>
</html>
""")


def page(body: dict[str, Any], *, title: str) -> str:
    """The page as text; every word that comes from the data is escaped.

    >>> figures = {"rows": 0, "columns": ["age"]}
    >>> "&lt;b&gt;" in page({"direct_identifiers": [], "before": figures}, title="<b>")
    True
    """
    before, after = body["before"], body.get("after")
    found = [
        (item["columns"], item["unique_share"])
        for item in before.get("discovery", {"combinations": []})["combinations"]
    ]
    left = [item["unique_share"] for item in (after or {}).get("same_combinations", [])]
    style = resources.files("privet.study.report").joinpath("style.css").read_text(encoding="utf-8")
    return _PAGE.format(
        title=title, style=Markup(style), people=f"{before['rows']:,}", columns=len(before["columns"]),
        statement=_statement(found, left), figure=responsive("combinations", _draw, found, left) if found else "",
        caption=_caption(bool(left)), rows=_rows(before, after), direct=_direct(body["direct_identifiers"]),
        aside=_aside(body.get("set_aside", [])),
    )  # fmt: skip


def _statement(found: list[tuple[list[str], float]], left: list[float]) -> str:
    if not found:
        return "No combination of these columns singles anybody out."
    columns, share = found[0]
    verb = "singles" if len(columns) == 1 else "single"
    said = f"{in_words(columns).capitalize()} {verb} out {percent(share)} of the people"
    return f"{said}; after the treatment {percent(left[0])}." if left else f"{said}."


def _caption(compared: bool) -> str:
    said = "Share of the people who are alone with what the columns say, of the worst combinations first."
    return f"{said} Hatched: before. Filled: after the treatment." if compared else said


def _draw(drawing: Drawing, found: list[tuple[list[str], float]], left: list[float]) -> None:
    """Each combination in words over its bar, or its two bars."""
    scale = Scale(0, max(share for _, share in found) or 1.0, 0, drawing.width - 76)
    drawing.title = "Share of the people singled out by each combination of columns"
    drawing.description = "; ".join(_told(at, found, left) for at in range(len(found))) + "."
    for at, (columns, share) in enumerate(found):
        y = 14 + at * (_ROW if left else _ROW - 16)
        drawing.text(0, y, fit(in_words(columns), drawing.width))
        for offset, value, style in [(8, share, "hatched"), (24, left[at], "fill")] if left else [(8, share, "fill")]:
            drawing.bar(0, y + offset, scale(value), 13, style=style)
            drawing.text(scale(value) + 6, y + offset + 11, percent(value), style="small number")
    drawing.height = 14 + len(found) * (_ROW if left else _ROW - 16) - 6


def _told(at: int, found: list[tuple[list[str], float]], left: list[float]) -> str:
    columns, share = found[at]
    said = f"{in_words(columns)}: {percent(share)}"
    return f"{said} before, {percent(left[at])} after" if left else said


def _rows(before: dict[str, Any], after: dict[str, Any] | None) -> Markup:
    """A figure a row; where a treatment was measured, beside what it became."""
    sides = [facts(side) if side is not None and "anonymity" in side else [] for side in (before, after)]
    names = list(dict.fromkeys(_plain(name) for side in sides for name, _ in side))
    values = [{_plain(name): value for name, value in side} for side in sides]
    shown = values if after is not None else values[:1]
    head = Markup('<th scope="col" class="num">{}</th>')
    cell = Markup('<td class="num">{}</td>')
    titles = ["before", "after"][: len(shown)]
    top = Markup('<thead><tr><th scope="col">what</th>{}</tr></thead>').format(
        Markup("").join(map(head.format, titles))
    )
    lines = [Markup('<tr><th scope="row">{}</th>{}</tr>').format(
        name, Markup("").join(cell.format(side.get(name, "-")) for side in shown)) for name in names]  # fmt: skip
    return top + Markup("<tbody>{}</tbody>").format(Markup("").join(lines))


def _plain(name: str) -> str:
    """The same words whether a treatment dropped a column or not, so that both sides share a row."""
    return "alone in all columns together" if name.startswith("alone in all") else name


def _aside(found: list[dict[str, Any]]) -> Markup:
    """Which columns were not counted, and why: whoever reads the page may know better."""
    lines = [Markup("<li>{}: {}, {}</li>").format(item["column"], item["role"], item["why"])
             for item in found if item["role"] != "identifier"]  # fmt: skip
    if not lines:
        return Markup("")
    return Markup("<section><h2>Not counted as known to others</h2><ul>{}</ul></section>").format(
        Markup("").join(lines)
    )


def _direct(names: list[str]) -> Markup:
    if not names:
        return Markup("")
    return Markup("<section><h2>By themselves identify</h2><p>{}. Drop or replace them.</p></section>").format(
        escape(in_words(names).capitalize())
    )
