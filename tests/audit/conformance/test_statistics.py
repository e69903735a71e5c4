"""The checks of chance: false alarms as rare as stated, deviations of the stated size found."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("torch")

from privet.audit.conformance.bins import bins_measures
from privet.audit.conformance.laws import binomial_p, chi_square_p, correlation_p
from privet.audit.conformance.noise import law_measures
from privet.audit.conformance.sampler import poisson_measures
from privet.audit.conformance.verdict import Measure, Verdict, judge
from privet.noise.simulation import generator

TENSORS = {"weight": 1000, "bias": 600}
RUNS = 100


def coins(chance: np.random.Generator, rate: float = 0.125) -> np.ndarray:
    return chance.random((60, 128)) < rate


def normals(chance: np.random.Generator, scale: float = 1.0) -> dict[str, np.ndarray]:
    return {name: chance.normal(scale=scale, size=(20, size)) for name, size in TENSORS.items()}


def unusual(measures: list[list[Measure]], level: float) -> Counter[str]:
    return Counter(m.check for found in measures for m in found if m.p_value is not None and m.p_value <= level)


def balls(chance: np.random.Generator) -> np.ndarray:
    bins = chance.integers(8, size=(6, 128))
    return (bins[:, None] == np.arange(8)[None, :, None]).reshape(48, 128)


LAWS = {
    "coins": lambda chance: poisson_measures(coins(chance), 0.125),
    "balls": lambda chance: bins_measures(balls(chance), 8),
    "normals": lambda chance: law_measures(normals(chance)),
}


@pytest.mark.statistical
@pytest.mark.parametrize("law", LAWS)
def test_p_values_of_a_right_trainer_are_no_smaller_than_they_say(law: str) -> None:
    chance = generator(3)
    found = [LAWS[law](chance) for _ in range(RUNS)]
    for level in (0.1, 0.01):
        # So many are to be expected once in a million.
        most = stats.binom.isf(1e-6, RUNS, level)
        assert all(count <= most for count in unusual(found, level).values()), unusual(found, level)
    # They are not idle either: each is small now and then.
    assert all(unusual(found, 0.6)[measure.check] for measure in found[0] if measure.limit is None)


@pytest.mark.statistical
@pytest.mark.parametrize("side", [-1, 1])
def test_the_stated_smallest_deviations_are_found(side: int) -> None:
    """Of the rate and of the noise, at the level of a single test among twenty."""
    level, chance = 5e-5, generator(4)
    (rate,) = [m for m in poisson_measures(coins(chance), 0.125) if m.check == "sampling rate"]
    (noise,) = [m for m in law_measures(normals(chance)) if m.check == "noise of each tensor"]
    assert rate.catches is not None
    assert noise.catches is not None
    off, scale = 1 + side * rate.catches(level), 1 + side * noise.catches(level)
    caught: Counter[str] = Counter()
    for _ in range(100):
        measures = [*poisson_measures(coins(chance, 0.125 * off), 0.125), *law_measures(normals(chance, scale))]
        caught.update(m.check for m in measures if m.p_value is not None and m.p_value <= level)
    assert caught["sampling rate"] >= 96
    assert caught["noise of each tensor"] >= 96
    # Half of it is mostly missed: the stated size is not far from the smallest.
    half = [poisson_measures(coins(chance, 0.125 * (1 + side * rate.catches(level) / 2)), 0.125) for _ in range(50)]
    assert unusual(half, level)["sampling rate"] < 30


def test_chances_are_those_of_the_laws() -> None:
    assert float(binomial_p(0, trials=10, rate=0.5)) == pytest.approx(2 / 1024)
    assert float(binomial_p(9, trials=10, rate=0.5)) == pytest.approx(2 * 11 / 1024)
    assert float(chi_square_p(stats.chi2.isf(0.01, 7), freedom=7)) == pytest.approx(0.02)
    # The correlation of four pairs of normals of mean zero, by its density of (1 - r^2)^((4 - 3) / 2).
    tail = stats.beta(1.5, 1.5).sf((0.5 + 1) / 2)
    assert float(correlation_p(0.5, pairs=4)) == pytest.approx(2 * tail)
    assert float(correlation_p(-1.0, pairs=100)) < 1e-100


def measure(check: str, p_value: float | None = None, **further: float) -> Measure:
    terms = {"layer": "noise", "statistic": 1.0, "sentence": ""} | further
    return Measure(check=check, p_value=p_value, **terms)


def test_false_alarms_are_shared_out_among_all_checks() -> None:
    """Holm: the smallest at a third, the next at a half, the last at the whole; nothing after one that holds."""
    found = judge([measure("a", 0.0003), measure("b", 0.0004), measure("c", 0.02)], false_alarm=0.001)
    assert [check.verdict for check in found] == [Verdict.FAILS, Verdict.FAILS, Verdict.HOLDS]
    found = judge([measure("a", 0.0004), measure("b", 0.0004), measure("c", 0.0004)], false_alarm=0.001)
    assert {check.verdict for check in found} == {Verdict.HOLDS}


def test_what_is_no_number_fails() -> None:
    found = judge(
        [measure("a", float("nan")), measure("b", statistic=float("nan"), limit=1.0), measure("c")], false_alarm=0.001
    )
    assert [check.verdict for check in found] == [Verdict.FAILS, Verdict.FAILS, Verdict.NOT_APPLICABLE]
