"""What every mechanism must keep, whichever file it comes from. ``test_contract.py`` runs it over all of them."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from privet.core.errors import InvalidParameter
from privet.core.events import from_json, is_private, to_json
from privet.core.protocols import Mechanism
from privet.mechanisms._terms import Law
from privet.noise.simulation import SeededNoise

SIZE = 120_000
ACCEPT, REJECT = 1e-4, 1e-9


class Counting:
    """A noise source that counts its draws."""

    noise_class = "counting, for tests"

    def __init__(self, seed: int = 1) -> None:
        self._source = SeededNoise(seed)
        self.draws = 0

    def __getattr__(self, name: str) -> Any:
        self.draws += 1
        return getattr(self._source, name)


def changed(mechanism: Any, factor: Fraction) -> Any:
    """The same mechanism with its scale multiplied."""
    scale = getattr(mechanism, mechanism.scale_field)
    return dataclasses.replace(mechanism, **{mechanism.scale_field: type(scale)(scale * factor)})


def residuals(mechanism: Any, *, seed: int) -> NDArray[np.float64]:
    """Many released coordinates whose true answer is 0."""
    released = mechanism.apply(np.zeros(SIZE, dtype=np.int64), SeededNoise(seed))
    return np.asarray(released, dtype=np.float64)


def p_value(drawn: NDArray[np.float64], law: Law) -> float:
    """Chi-squared for whole numbers, Kolmogorov-Smirnov for real ones."""
    if not law.discrete:
        return float(stats.kstest(drawn, law.cdf).pvalue)
    cells = np.arange(drawn.min(), drawn.max() + 1)
    cumulative = np.concatenate([law.cdf(cells[:-1]), [1.0]])
    expected = np.diff(cumulative, prepend=0.0) * len(drawn)
    seen = np.bincount((drawn - cells[0]).astype(int), minlength=len(cells))
    big = expected >= 10
    statistic = ((seen - expected)[big] ** 2 / expected[big]).sum()
    return float(stats.chi2.sf(statistic, max(1, big.sum() - 1)))


class MechanismContract:
    """Subclass it with a ``mechanism`` fixture."""

    def test_it_is_a_mechanism_with_a_name_a_unit_and_a_relation(self, mechanism: Any) -> None:
        assert isinstance(mechanism, Mechanism)
        assert mechanism.name
        assert mechanism.unit.describe()
        assert str(mechanism.relation)

    def test_it_cannot_be_changed_after_birth(self, mechanism: Any) -> None:
        for field in dataclasses.fields(mechanism):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(mechanism, field.name, None)
        with pytest.raises((AttributeError, TypeError)):
            mechanism.extra = 1

    def test_its_event_survives_the_book_and_is_private(self, mechanism: Any) -> None:
        written = json.dumps(to_json(mechanism.event))
        assert from_json(json.loads(written)) == mechanism.event
        assert is_private(mechanism.event)

    def test_its_event_tells_one_scale_from_another(self, mechanism: Any) -> None:
        assert changed(mechanism, Fraction(11, 10)).event != mechanism.event

    def test_it_makes_exactly_the_draws_it_declares(self, mechanism: Any) -> None:
        noise = Counting()
        mechanism.apply(np.zeros(100, dtype=np.int64), noise)
        assert noise.draws == mechanism.draws

    def test_fresh_noise_differs_and_the_shape_is_kept(self, mechanism: Any) -> None:
        noise = SeededNoise(1)
        data = np.zeros((30, 20), dtype=np.int64)
        first, second = mechanism.apply(data, noise), mechanism.apply(data, noise)
        assert first.shape == second.shape == (30, 20)
        assert (first != second).any()
        assert not data.any(), "the data themselves are never written to"

    def test_the_law_is_accepted_and_scales_ten_percent_off_are_rejected(self, mechanism: Any) -> None:
        drawn = residuals(mechanism, seed=5)
        assert p_value(drawn, mechanism.law()) > ACCEPT
        assert p_value(drawn, changed(mechanism, Fraction(9, 10)).law()) < REJECT
        assert p_value(drawn, changed(mechanism, Fraction(11, 10)).law()) < REJECT

    def test_the_law_is_a_distribution(self, mechanism: Any) -> None:
        points = np.linspace(-400, 400, 801)
        probability = mechanism.law().cdf(points)
        assert (np.diff(probability) >= 0).all()
        assert probability[0] < 1e-6
        assert probability[-1] > 1 - 1e-6

    @pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), None, "noise"])
    def test_a_bad_scale_is_refused(self, mechanism: Any, bad: Any) -> None:
        with pytest.raises(InvalidParameter):
            dataclasses.replace(mechanism, **{mechanism.scale_field: bad})

    @pytest.mark.parametrize(
        ("field", "bad"),
        [("name", ""), ("name", " "), ("unit", "person"), ("relation", "replace-one"), ("query", 3)],
    )
    def test_bad_terms_are_refused(self, mechanism: Any, field: str, bad: Any) -> None:
        with pytest.raises(InvalidParameter):
            dataclasses.replace(mechanism, **{field: bad})

    @pytest.mark.parametrize("bad", [0, -2, float("nan"), None, "1", True])
    def test_a_bad_sensitivity_is_refused(self, mechanism: Any, bad: Any) -> None:
        named = [field.name for field in dataclasses.fields(mechanism) if "sensitivity" in field.name]
        for name in named:
            if bad == "1" and name == "squared_sensitivity":
                continue  # a string is an exact rational there
            with pytest.raises(InvalidParameter):
                dataclasses.replace(mechanism, **{name: bad})

    def test_finish_sees_only_the_noisy_answer(self, mechanism: Any) -> None:
        seen: list[Any] = []
        watched = dataclasses.replace(mechanism, finish=lambda noisy: seen.append(noisy) or "done")
        plain = mechanism.apply(np.zeros(50, dtype=np.int64), SeededNoise(9))
        assert watched.apply(np.zeros(50, dtype=np.int64), SeededNoise(9)) == "done"
        assert len(seen) == 1
        assert np.array_equal(seen[0], plain)
