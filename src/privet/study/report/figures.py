"""Pictures of what was spent and what it means for one person: budget, hundred people, privacy curve, belief.

Every picture carries its numbers as text, a title and a description; patterns and words tell things apart, never
colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from privet.study.report import words
from privet.study.report.model import BudgetView, ClaimView, CurvePoint, PosteriorPoint, RiskView, Withheld
from privet.study.report.svg import SMALL, WIDE, Drawing, Scale, fit, responsive, text_width, ticks

MOST_CLAIMS = 12
SMALLEST_DELTA = 1e-12


def budget(view: BudgetView) -> Markup:
    """What is spent of the account, and what each charge costs by itself, on one scale."""
    return responsive("budget", _budget, view)


def hundred_people(accuracy: float) -> Markup:
    """Of 100 guesses who is in the data: 50 right by luck, so many more at most, the rest wrong."""
    return responsive("people", _people, accuracy)


def privacy_curve(view: RiskView) -> Markup:
    """delta against epsilon, with the account's own point on it."""
    return responsive("curve", _curve, view)


def posterior(points: tuple[PosteriorPoint, ...]) -> Markup:
    """What an attacker may believe afterwards, against what it believed before."""
    return responsive("belief", _posterior, points)


def _budget(drawing: Drawing, view: BudgetView) -> None:
    spent, limit = view.epsilon_spent, view.epsilon_limit
    known = [value for value in (limit, spent, *(claim.epsilon for claim in view.claims)) if math.isfinite(value)]
    scale = Scale(0, max(known, default=1.0) or 1.0, 0, drawing.width)
    left = "limit passed" if spent > limit else f"{words.epsilon(view.epsilon_left)} left"
    of_limit = "no limit" if math.isinf(limit) else f"{left} · limit {words.epsilon(limit)}"
    of_spent = words.NO_GUARANTEE if math.isinf(spent) else f"{words.epsilon(spent)} spent"
    drawing.title = "Privacy budget spent and left"
    drawing.description = f"{of_spent}, {of_limit}."
    drawing.text(0, 14, of_spent, style="strong")
    drawing.text(drawing.width, 14, of_limit, style="muted", anchor="end")
    drawing.bar(0, 24, scale(limit), 24, style="track")
    drawing.bar(0, 24, scale(min(spent, limit)), 24, style="fill")
    if limit < spent:
        drawing.bar(scale(limit), 24, scale(spent) - scale(limit), 24, style="hatched")
        drawing.line(scale(limit), 20, scale(limit), 52, style="bound")
    drawing.height = _budget_claims(drawing, view.claims, scale)


def _budget_claims(drawing: Drawing, claims: tuple[ClaimView, ...], scale: Scale) -> float:
    """One row a charge, the largest first if there are too many to show."""
    top = 84.0
    if not claims:
        return 56
    drawing.text(0, top, "Each charge by itself", style="strong")
    shown = claims
    if len(claims) > MOST_CLAIMS:
        shown = tuple(sorted(claims, key=lambda claim: -claim.epsilon)[:MOST_CLAIMS])
    for row, claim in enumerate(shown):
        _claim_row(drawing, claim, top + 28 + 40 * row, scale)
    bottom = top + 28 + 40 * len(shown)
    if len(shown) < len(claims):
        drawing.text(0, bottom, f"and {len(claims) - len(shown)} smaller ones, in the appendix", style="muted")
        bottom += 14
    return bottom - 8


def _claim_row(drawing: Drawing, claim: ClaimView, y: float, scale: Scale) -> None:
    notes = [words.epsilon(claim.epsilon)]
    if claim.state != "committed":
        notes.append(f"{claim.state}, counted")
    if not claim.this_study:
        notes.append("earlier work")
    value = " · ".join(notes)
    drawing.text(0, y, fit(claim.name, drawing.width - text_width(value) - 16))
    drawing.text(drawing.width, y, value, style="number", anchor="end")
    if math.isinf(claim.epsilon):
        drawing.bar(0.5, y + 7, drawing.width - 1, 10, style="unbounded")
        return
    drawing.bar(0, y + 7, drawing.width, 10, style="track")
    drawing.bar(0, y + 7, scale(claim.epsilon), 10, style="fill" if claim.state == "committed" else "hatched")


def _people(drawing: Drawing, accuracy: float) -> None:
    right = max(50, words.out_of_100(accuracy))
    per_row = 20 if drawing.width >= WIDE else 10
    cell, deep = drawing.width / per_row, 34
    for index in range(100):
        style = "luck" if index < 50 else "hatched" if index < right else "outline"
        drawing.person(index % per_row * cell + (cell - 16) / 2, index // per_row * deep, style=style)
    more = right - 50
    drawing.title = f"Of 100 guesses, at most {right} right instead of 50"
    drawing.description = f"100 small figures: 50 right by luck, {more} more at most, {100 - right} wrong."
    labels = (
        ("luck", "50 right by luck alone"),
        ("hatched", f"{more} more, at most"),
        ("outline", f"{100 - right} wrong"),
    )
    x, y = 4.0, 100 // per_row * deep + 14
    for style, label in labels:
        if x + text_width(label) + 30 > drawing.width:
            x, y = 4.0, y + 24
        drawing.bar(x, y - 1, 14, 14, style=style)
        drawing.text(x + 22, y + 11, label)
        x += text_width(label) + 48
    drawing.height = y + 20


def _curve(drawing: Drawing, view: RiskView) -> None:
    points = _drawable(() if isinstance(view.curve, Withheld) else view.curve)
    drawing.title = "Privacy curve: the chance delta that the bound epsilon fails"
    if len(points) < 2:
        drawing.description = "The curve has fewer than two points that can be drawn."
        drawing.text(0, 16, drawing.description, style="muted")
        drawing.height = 24
        return
    shown = math.isfinite(view.epsilon) and view.delta >= SMALLEST_DELTA
    deltas = [point.delta for point in points] + ([view.delta] if shown else [])
    low, high = math.floor(math.log10(min(deltas))), math.ceil(math.log10(max(deltas)))
    marks = ticks(max([points[-1].epsilon, *([view.epsilon * 1.1] if shown else [])]))
    across = Scale(0, marks[-1], 48, drawing.width - 14)
    down = Scale(low, high, 248, 34)
    _curve_frame(drawing, marks, range(low, high + 1, max(1, math.ceil((high - low) / 6))), across, down)
    drawing.path([(across(p.epsilon), down(math.log10(p.delta))) for p in points], style="curve")
    drawing.description = (
        f"delta falls from {words.delta(points[0].delta)} at epsilon {words.epsilon(points[0].epsilon)} "
    )
    drawing.description += f"to {words.delta(points[-1].delta)} at epsilon {words.epsilon(points[-1].epsilon)}."
    if shown:
        _account_point(drawing, view, across, down)
    drawing.height = 294


def _drawable(points: tuple[CurvePoint, ...]) -> list[CurvePoint]:
    """Points a logarithmic axis can hold, from left to right."""
    kept = [p for p in points if math.isfinite(p.epsilon) and p.delta >= SMALLEST_DELTA]
    return sorted(kept, key=lambda point: (point.epsilon, -point.delta))


def _curve_frame(drawing: Drawing, marks: list[float], powers: range, across: Scale, down: Scale) -> None:
    drawing.text(0, 12, "δ, chance that the bound fails", style="muted")
    for power in powers:
        drawing.line(across.start, down(power), across.end, down(power), style="grid")
        drawing.text(across.start - 8, down(power) + 4, words.ten_to(power), style="small", anchor="end")
    drawing.line(across.start, down.start, across.end, down.start, style="axis")
    for mark in marks:
        drawing.text(across(mark), down.start + 18, f"{mark:g}", style="small", anchor="middle")
    drawing.text(across.end, down.start + 40, "ε, privacy loss", style="muted", anchor="end")


def _account_point(drawing: Drawing, view: RiskView, across: Scale, down: Scale) -> None:
    x, y = across(view.epsilon), down(math.log10(view.delta))
    lines = [f"ε = {words.epsilon(view.epsilon)}", f"δ = {words.delta(view.delta)}"]
    label = " at ".join(lines)
    drawing.line(x, y, x, down.start, style="guide")
    drawing.line(across.start, y, x, y, style="guide")
    drawing.dot(x, y, 5.5, style="point")
    if x + 12 + text_width(label) <= drawing.width:
        lines = [label]
    left = min(x + 12, drawing.width - 1.1 * max(map(text_width, lines)))
    for row, words_of_line in enumerate(reversed(lines)):
        drawing.text(left, y - 10 - 17 * row, words_of_line, style="strong haloed")
    drawing.description += f" The account's point: {label}."


def _posterior(drawing: Drawing, points: tuple[PosteriorPoint, ...]) -> None:
    across = Scale(0, 1, 48, drawing.width - 14)
    down = Scale(0, 1, 274, 34)
    known = sorted(points, key=lambda point: point.prior)
    drawing.title = "Belief before and after seeing everything that was released"
    drawing.description = "; ".join(
        f"from {words.percent(p.prior)} to at most {words.percent(p.posterior)}" for p in written_out(known)
    )
    drawing.text(0, 12, "Belief afterwards, at most", style="muted")
    for mark in (0, 0.25, 0.5, 0.75, 1):
        drawing.line(across.start, down(mark), across.end, down(mark), style="axis" if mark == 0 else "grid")
        drawing.text(across.start - 8, down(mark) + 4, words.tick(mark), style="small", anchor="end")
        drawing.text(across(mark), down.start + 18, words.tick(mark), style="small", anchor="middle")
    drawing.text(across.end, down.start + 38, "Belief before", style="muted", anchor="end")
    upper = [(across(p.prior), down(p.posterior)) for p in known]
    lower = [(across(p.prior), down(p.prior)) for p in reversed(known)]
    drawing.path(upper + lower, style="area", closed=True)
    drawing.line(across(0), down(0), across(1), down(1), style="guide")
    drawing.path(upper, style="curve")
    place = min(across(0.74), across.end - text_width("learns nothing", size=SMALL))
    drawing.text(
        place, down((place - across.start) / (across.end - across.start)) + 22, "learns nothing", style="small haloed"
    )
    for point in written_out(known):
        _belief(drawing, point, across, down)
    drawing.height = 314


def _belief(drawing: Drawing, point: PosteriorPoint, across: Scale, down: Scale) -> None:
    x = across(point.prior)
    drawing.line(x, down(point.posterior), x, down(point.prior), style="whisker")
    drawing.dot(x, down(point.posterior), 4.5, style="point")
    label = f"{words.percent(point.prior)} → {words.percent(point.posterior)}"
    drawing.text(x + 8, down(point.prior) + 16, label, style="strong haloed")


def written_out(points: Sequence[PosteriorPoint]) -> list[PosteriorPoint]:
    """The points nearest to a belief of one in ten and of even odds: those whose numbers are written out."""
    nearest = (min(points, key=lambda point: abs(point.prior - wanted)) for wanted in (0.1, 0.5)) if points else ()
    return sorted(set(nearest), key=lambda point: point.prior)
