"""The pictures say their numbers, at every size of number."""

from __future__ import annotations

import dataclasses
import math
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.study.report import comparisons, figures, words
from privet.study.report.model import (
    AttackView,
    BudgetView,
    ClaimView,
    ComparisonView,
    CurvePoint,
    Estimate,
    Interval,
    ModelView,
    PosteriorPoint,
    RiskView,
    TprResult,
    Withheld,
)
from privet.study.report.svg import NARROW, WIDE, Scale, fit, text_width, ticks

GONE = Withheld("not run")


def _numbers_in_attributes(markup: str) -> list[float]:
    found = re.findall(r' (?:x|y|x1|x2|y1|y2|cx|cy|r|width|height)="([^"]*)"', markup)
    return [float(value) for value in found]


def _well_drawn(markup: str) -> None:
    assert "nan" not in markup
    assert "inf" not in re.sub(r">[^<]*<", "><", markup)
    assert all(math.isfinite(number) for number in _numbers_in_attributes(markup))
    assert all(float(width) >= 0 for width in re.findall(r'<rect [^>]*width="([^"]*)"', markup))


def _budget(limit, spent, charges) -> BudgetView:
    claims = tuple(
        ClaimView(f"charge {index}", "2026-11-24", "committed", "text", charge, 0.0, GONE, "a number")
        for index, charge in enumerate(charges)
    )
    return BudgetView("book", limit, 1e-6, spent, 0.0, "a filter", GONE, claims)


def _risk(epsilon, delta, curve) -> RiskView:
    return RiskView("all", epsilon, delta, curve, GONE, GONE, GONE, GONE)


losses = st.one_of(st.sampled_from([0.0, 1e-300, 1e-9, 1.0, 1e6, 1e300, math.inf]), st.floats(0, 50))
shares = st.one_of(st.sampled_from([0.0, 5e-324, 1e-12, 0.5, 1 - 1e-16, 1.0]), st.floats(0, 1))


@st.composite
def estimates(draw):
    value, low, high = draw(shares), *sorted((draw(shares), draw(shares)))
    return Estimate(value, draw(st.sampled_from([Interval(low, high, 0.95), GONE])))


@settings(max_examples=60, deadline=None)
@given(limit=losses, spent=losses, charges=st.lists(losses, max_size=15))
def test_the_budget_is_drawn_for_any_loss_and_infinity_reads_no_guarantee(limit, spent, charges):
    picture = figures.budget(_budget(limit, spent, charges))
    _well_drawn(picture)
    assert ("no guarantee" if math.isinf(spent) else f"{words.epsilon(spent)} spent") in picture
    if math.inf in charges:
        assert "no guarantee" in picture


@settings(max_examples=60, deadline=None)
@given(epsilon=losses, delta=shares, points=st.lists(st.builds(CurvePoint, losses, shares), max_size=8))
def test_the_curve_is_drawn_for_any_points_or_says_why_not(epsilon, delta, points):
    picture = figures.privacy_curve(_risk(epsilon, delta, tuple(points)))
    _well_drawn(picture)
    drawable = sum(math.isfinite(p.epsilon) and p.delta >= figures.SMALLEST_DELTA for p in points)
    assert ("fewer than two points" in picture) == (drawable < 2)


@settings(max_examples=40, deadline=None)
@given(points=st.lists(st.builds(PosteriorPoint, shares, shares), min_size=1, max_size=6))
def test_beliefs_are_drawn_for_any_shares(points):
    _well_drawn(figures.posterior(tuple(points)))


@settings(max_examples=40, deadline=None)
@given(share=shares)
def test_a_hundred_people_are_always_a_hundred(share):
    picture = figures.hundred_people(share)
    _well_drawn(picture)
    wide = picture.split('<div class="figure narrow">')[0]
    assert wide.count("<g ") == 100
    assert wide.count('class="luck"') == 50 + 1  # and one in the legend
    right = max(50, words.out_of_100(share))
    assert wide.count("<g ") - len(re.findall('<g [^>]*class="outline"', wide)) == right


@settings(max_examples=40, deadline=None)
@given(values=st.lists(estimates(), max_size=5))
def test_accuracies_are_drawn_for_any_estimates(values):
    models = tuple(ModelView(f"m{i}", "baseline", 0.0, value, True) for i, value in enumerate(values))
    picture = comparisons.accuracy(ComparisonView("here", models))
    _well_drawn(picture)
    assert all(words.percent(value.value) in picture for value in values)


@settings(max_examples=40, deadline=None)
@given(tpr=estimates(), bound=st.one_of(shares, st.just(GONE)), fpr=shares)
def test_attacks_are_drawn_for_any_result(tpr, bound, fpr):
    view = AttackView("model", "loss", True, 10, 10, GONE, (TprResult(fpr, fpr, tpr, bound),), GONE, GONE)
    picture = comparisons.attacks((view,))
    _well_drawn(picture)
    assert words.percent(tpr.value) in picture


def test_the_budget_says_each_charge_and_its_state(full):
    picture = figures.budget(full.budget)
    for said in ("2.21 spent", "0.79 left · limit 3.00", "0.20 · earlier work", "0.15 · forfeited, counted"):
        assert picture.count(f">{said}</text>") == 2, said


def test_the_length_of_the_spent_bar_is_the_share_of_the_limit():
    picture = figures.budget(_budget(4.0, 1.0, ()))
    assert f'width="{WIDE / 4:g}" height="24" class="fill"' in picture
    assert f'width="{NARROW / 4:g}" height="24" class="fill"' in picture


def test_an_account_past_its_limit_shows_the_limit_inside_the_bar():
    picture = figures.budget(_budget(1.0, 2.0, ()))
    assert "limit passed" in picture
    assert f'x1="{WIDE / 2:g}"' in picture


def test_many_charges_are_cut_with_a_word_and_the_largest_stay():
    picture = figures.budget(_budget(100.0, 50.0, [0.1] * 20 + [9.5]))
    assert "and 9 smaller ones, in the appendix" in picture
    assert "9.50" in picture


def test_the_curve_marks_the_point_of_the_account(full):
    picture = figures.privacy_curve(full.risk)
    assert "ε = 2.21 at δ = 1 in 1,000,000" in picture
    assert "10⁻⁵" in picture


def test_the_bound_is_rounded_up_to_whole_guesses():
    assert "at most 60 right instead of 50" in figures.hundred_people(0.5911)


def test_group_sizes_show_both_shares(full):
    picture = comparisons.class_sizes(full.reidentification)
    for said in ("71.2%", "18.4%", "50.7%", "groups of 1: 71.2% before, 0% after"):
        assert said in picture
    hidden = dataclasses.replace(full.reidentification.after, class_sizes=GONE)
    assert "not shown" in comparisons.class_sizes(dataclasses.replace(full.reidentification, after=hidden))


def test_attacks_show_interval_and_bound(full):
    picture = comparisons.attacks(full.attacks)
    for said in ("1.1% (0.86% to 1.3%)", "at 1% false alarms · bound 2.0%", "no bound"):
        assert said in picture


def test_attacks_without_a_single_figure_say_so(full):
    attack = dataclasses.replace(full.attacks[0], tpr=GONE)
    assert "No attack has a figure" in comparisons.attacks((attack,))


def test_every_picture_has_a_title_a_description_and_two_widths(full):
    pictures = [figures.budget(full.budget), figures.hundred_people(0.6), figures.privacy_curve(full.risk),
                figures.posterior(full.risk.posterior), comparisons.accuracy(full.comparison),
                comparisons.class_sizes(full.reidentification), comparisons.attacks(full.attacks)]  # fmt: skip
    for picture in pictures:
        assert len(re.findall(r"<title [^>]*>[^<]{10,}</title>", picture)) == 2
        assert len(re.findall(r"<desc [^>]*>[^<]{10,}</desc>", picture)) == 2
        assert f'viewBox="0 0 {WIDE} ' in picture
        assert f'viewBox="0 0 {NARROW} ' in picture
        assert not re.search(r'style=|(?:fill|stroke)="(?!url\(#)', picture), "a picture brings a colour of its own"


def test_no_text_leaves_its_picture(full):
    long = dataclasses.replace(full.budget.claims[0], name="随机森林" * 30 + "W" * 200)
    view = dataclasses.replace(full.budget, claims=(long,))
    pictures = [figures.budget(view), figures.privacy_curve(full.risk), figures.posterior(full.risk.posterior),
                comparisons.accuracy(full.comparison), comparisons.attacks(full.attacks)]  # fmt: skip
    for picture in pictures:
        for drawing in re.findall(r"<svg.*?</svg>", picture, re.DOTALL):
            width = float(re.search(r'viewBox="0 0 (\d+)', drawing).group(1))
            for x, anchor, said in re.findall(r'<text x="([^"]+)"[^>]*text-anchor="(\w+)">([^<]*)<', drawing):
                length = text_width(said, size=12)
                left = float(x) - {"start": 0, "middle": 0.5, "end": 1}[anchor] * length
                assert left >= -4, said
                assert left + length <= width + 4, said


def test_words_that_fit_are_left_alone_and_others_end_in_an_ellipsis():
    assert fit("short", 100) == "short"
    assert fit("x" * 100, 50).endswith("…")
    assert text_width(fit("x" * 100, 50)) <= 50
    assert fit("x", 0) == "…"


@settings(max_examples=200, deadline=None)
@given(top=st.floats(1e-12, 1e12))
def test_ticks_are_few_rise_and_cover(top):
    marks = ticks(top)
    assert 2 <= len(marks) <= 7
    assert marks[0] == 0
    assert marks[-1] >= top * (1 - 1e-9)
    assert all(a < b for a, b in pairwise(marks))


@pytest.mark.parametrize(("value", "pixel"), [(-5, 100), (0, 100), (5, 150), (10, 200), (1e300, 200)])
def test_a_scale_stops_at_its_ends(value, pixel):
    assert Scale(0, 10, 100, 200)(value) == pixel
