"""Pictures that put things side by side: models, group sizes before and after, attacks against the guarantee.

All are rows of a label over a bar, because labels beside bars do not fit a phone.
"""

from __future__ import annotations

from markupsafe import Markup

from privet.study.report import words
from privet.study.report.model import (
    AttackView,
    ClassSize,
    ComparisonView,
    Estimate,
    ModelView,
    ReidentificationView,
    RiskFigure,
    TprResult,
    Withheld,
)
from privet.study.report.svg import SMALL, WIDE, Drawing, Scale, fit, responsive, text_width, ticks

MODEL_ROW, GROUP_ROW, ATTACK_ROW = 72, 68, 76
_KIND_STYLE = {
    "private-central": "soft",
    "private-federated": "soft",
    "non-private": "hatched",
    "baseline": "neutral",
}


def accuracy(view: ComparisonView) -> Markup:
    """Accuracy of each model with its interval, against the baseline's."""
    return responsive("accuracy", _accuracy, view)


def class_sizes(view: ReidentificationView) -> Markup:
    """Share of rows by the size of the group of look-alikes they sit in, before and after."""
    return responsive("groups", _class_sizes, view)


def attacks(views: tuple[AttackView, ...]) -> Markup:
    """Members found by each attack, with interval, against chance and against the guarantee's bound."""
    return responsive("attacks", _attacks, views)


def risk_figure(value: RiskFigure | None) -> str:
    """A figure of a table's risk in its unit; a dash where it was not measured."""
    if value is None:
        return "–"
    if value.unit == "share":
        return words.percent(value.value)
    return words.count(value.value) if value.unit == "count" else f"{value.value:.3f}"


def estimate(value: Estimate) -> str:
    """A share with its interval in words.

    >>> from privet.study.report.model import Interval
    >>> estimate(Estimate(0.784, Interval(0.771, 0.796, 0.95)))
    '78.4% (77.1% to 79.6%)'
    """
    if isinstance(value.interval, Withheld):
        return words.percent(value.value)
    low, high = words.percent(value.interval.low), words.percent(value.interval.high)
    return f"{words.percent(value.value)} ({low} to {high})"


def _accuracy(drawing: Drawing, view: ComparisonView) -> None:
    scale = Scale(0, 1, 0.5, drawing.width - 0.5)
    measured = [(m, m.accuracy) for m in view.models if not isinstance(m.accuracy, Withheld)]
    bases = [value.value for model, value in measured if model.kind == "baseline"]
    bottom = 24 + MODEL_ROW * len(view.models)
    drawing.title = "Accuracy of each model, with confidence intervals"
    drawing.description = "; ".join(f"{model.name}: {estimate(value)}" for model, value in measured) + "."
    for mark in (0, 0.25, 0.5, 0.75, 1):
        drawing.line(scale(mark), 22, scale(mark), bottom, style="grid")
        side = "start" if mark == 0 else "end" if mark == 1 else "middle"
        drawing.text(scale(mark), bottom + 16, words.tick(mark), style="small", anchor=side)
    for row, model in enumerate(view.models):
        _model_row(drawing, model, 42 + MODEL_ROW * row, scale)
        for base in bases:
            drawing.line(scale(base), 45 + MODEL_ROW * row, scale(base), 69 + MODEL_ROW * row, style="bound")
    for base in bases:
        drawing.line(scale(base), 16, scale(base), 24, style="bound")
        side = "end" if base > 0.5 else "start"
        drawing.text(scale(base), 11, f"baseline {words.percent(base)}", style="small", anchor=side)
    drawing.height = bottom + 24


def _model_row(drawing: Drawing, model: ModelView, y: float, scale: Scale) -> None:
    withheld = isinstance(model.accuracy, Withheld)
    value = "not shown" if isinstance(model.accuracy, Withheld) else _short(drawing, model.accuracy)
    drawing.text(0, y, fit(model.name, drawing.width - text_width(value) - 14), style="haloed")
    drawing.text(drawing.width, y, value, style="number haloed", anchor="end")
    if isinstance(model.accuracy, Withheld):
        drawing.bar(0.5, y + 8, drawing.width - 1, 14, style="unbounded")
    else:
        drawing.bar(0, y + 8, scale(model.accuracy.value), 14, style=_KIND_STYLE[model.kind])
        _interval(drawing, model.accuracy, scale, y + 15)
    note = model.accuracy.reason if isinstance(model.accuracy, Withheld) else model.label
    if note:
        drawing.text(0, y + 37, fit(note, drawing.width, size=SMALL), style="small haloed")
    drawing.description += f" {model.name} is not shown." if withheld else ""


def _short(drawing: Drawing, value: Estimate) -> str:
    """The interval in numbers only where there is room; the table below always has it."""
    return estimate(value) if drawing.width >= WIDE else words.percent(value.value)


def _interval(drawing: Drawing, value: Estimate, scale: Scale, y: float) -> None:
    if not isinstance(value.interval, Withheld):
        drawing.whisker(scale(value.interval.low), scale(value.interval.high), y)


def _class_sizes(drawing: Drawing, view: ReidentificationView) -> None:
    before, after = _by_label(view.before.class_sizes), _by_label(view.after.class_sizes)
    labels = list(dict.fromkeys([*before, *after]))
    top = max([*before.values(), *after.values()], default=0) or 1.0
    scale = Scale(0, top, 0, drawing.width - 64)
    drawing.title = "Share of rows by size of their group of look-alikes, before and after protection"
    drawing.description = "; ".join(
        f"groups of {label}: {_share(before, label)} before, {_share(after, label)} after" for label in labels
    )
    drawing.bar(0, 2, 14, 12, style="hatched")
    drawing.text(22, 13, "before")
    drawing.bar(92, 2, 14, 12, style="fill")
    drawing.text(114, 13, "after")
    for row, label in enumerate(labels):
        y = 46 + GROUP_ROW * row
        drawing.text(0, y, fit(f"Groups of {label}", drawing.width))
        for offset, shares, style in ((8, before, "hatched"), (24, after, "fill")):
            length = scale(shares.get(label, 0.0))
            drawing.bar(0, y + offset, length, 13, style=style)
            drawing.text(length + 6, y + offset + 11, _share(shares, label), style="small number")
    drawing.height = 46 + GROUP_ROW * len(labels) - 24


def _by_label(sizes: tuple[ClassSize, ...] | Withheld) -> dict[str, float]:
    return {} if isinstance(sizes, Withheld) else {size.label: size.share for size in sizes}


def _share(shares: dict[str, float], label: str) -> str:
    if not shares:
        return "not shown"
    return words.percent(shares.get(label, 0.0))


def _attacks(drawing: Drawing, views: tuple[AttackView, ...]) -> None:
    rows = [(view, result) for view in views if not isinstance(view.tpr, Withheld) for result in view.tpr]
    drawing.title = "Members found by each attack, against chance and the guarantee"
    if not rows:
        drawing.description = "No attack has a figure that can be drawn."
        drawing.text(0, 16, drawing.description, style="muted")
        drawing.height = 24
        return
    marks = [mark for mark in ticks(max(_reach(result) for _, result in rows), most=4) if mark <= 1]
    scale = Scale(0, marks[-1], 12, drawing.width - 16)
    start = _attack_legend(drawing)
    bottom = start + ATTACK_ROW * len(rows)
    for mark in marks:
        drawing.line(scale(mark), start - 4, scale(mark), bottom, style="grid")
        drawing.text(scale(mark), bottom + 16, words.tick(mark), style="small", anchor="middle")
    for row, (view, result) in enumerate(rows):
        _attack_row(drawing, view, result, start + 14 + ATTACK_ROW * row, scale)
    drawing.text(drawing.width, bottom + 36, "share of members found", style="muted", anchor="end")
    drawing.height = bottom + 44


def _reach(result: TprResult) -> float:
    high = result.tpr.value if isinstance(result.tpr.interval, Withheld) else result.tpr.interval.high
    return max(high, result.tpr.value, result.fpr_realised, 0.0 if isinstance(result.bound, Withheld) else result.bound)


def _attack_legend(drawing: Drawing) -> float:
    """Explain the three marks; returns where the rows begin."""
    x, y = 6.0, 12.0
    for mark, label in (
        ("point", "found, with interval"),
        ("chance", "by chance"),
        ("bound", "most the guarantee allows"),
    ):
        if x + text_width(label) + 20 > drawing.width:
            x, y = 6.0, y + 22
        if mark == "point":
            drawing.dot(x, y - 4, 5, style="point")
        else:
            drawing.line(x, y - 12, x, y + 3, style=mark)
        drawing.text(x + 12, y, label, style="small")
        x += text_width(label) + 34
    return y + 22


def _attack_row(drawing: Drawing, view: AttackView, result: TprResult, y: float, scale: Scale) -> None:
    value, wanted = estimate(result.tpr), words.tick(result.fpr_wanted)
    short = _short(drawing, result.tpr)
    drawing.text(0, y, fit(f"{view.target}: {view.attack}", drawing.width - text_width(short) - 14), style="haloed")
    drawing.text(drawing.width, y, short, style="number haloed", anchor="end")
    drawing.line(scale.start, y + 18, scale.end, y + 18, style="axis")
    drawing.line(scale(result.fpr_realised), y + 10, scale(result.fpr_realised), y + 26, style="chance")
    if isinstance(result.bound, Withheld):
        bound = "no bound" if not view.covered else "bound not shown"
    else:
        drawing.line(scale(result.bound), y + 8, scale(result.bound), y + 28, style="bound")
        bound = f"bound {words.percent(result.bound)}"
    _interval(drawing, result.tpr, scale, y + 18)
    drawing.dot(scale(result.tpr.value), y + 18, 5, style="point" if view.covered else "point-open")
    drawing.text(0, y + 40, f"at {wanted} false alarms · {bound}", style="small haloed")
    drawing.description += f"{view.attack} on {view.target}, {wanted} false alarms: {value}, {bound}. "
