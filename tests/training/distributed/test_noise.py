"""Noise of all ranks together is that of one, and no rank has it twice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats


@pytest.mark.statistical
@pytest.mark.parametrize("layout", [None, "shards", "copies", "one whole"])
def test_the_noise_of_all_ranks_together_has_the_stated_deviation(ranks, layout) -> None:
    """Twice the variance, or half, is off by 40 %; the test tells 10 %."""
    first, second = ranks.run("noise", sharded=layout)
    for own, other in zip(first["drawn"], second["drawn"], strict=True):
        assert np.array_equal(own, other)
    drawn = np.array(first["drawn"])
    half = drawn.shape[1] // 2
    for part in (drawn[:, :half], drawn[:, half:], drawn[:, -400:]):
        values = part.ravel()
        assert stats.kstest(values, "norm").pvalue > 1e-6
        spread = values.var() * len(values)
        assert 2e-6 < stats.chi2.cdf(spread, len(values)) < 1 - 2e-6
        for wrong in (0.9, 1.1):
            # How often a deviation that is so far off would pass.
            low, high = stats.chi2.cdf(stats.chi2.ppf([2e-6, 1 - 2e-6], len(values)) / wrong**2, len(values))
            assert high - low < 0.05
    # The parts that two ranks draw know nothing of each other, nor do steps.
    assert abs(np.corrcoef(drawn[0, :half], drawn[0, half : 2 * half])[0, 1]) < 6 / math.sqrt(half)
    assert abs(np.corrcoef(drawn[0], drawn[1])[0, 1]) < 6 / math.sqrt(drawn.shape[1])
    assert [first["steps"], second["steps"]] == [6, 6]
    assert first["epsilon"] == second["epsilon"]


@pytest.mark.statistical
@pytest.mark.parametrize("layout", [None, "shards", "copies", "one whole"])
def test_correlated_noise_is_taken_back_and_goes_on_from_a_file(ranks, tmp_path, layout) -> None:
    first, second = ranks.run("correlated", path=str(tmp_path / "loop.pt"), sharded=layout)
    for own, other in zip(first["drawn"], second["drawn"], strict=True):
        assert np.array_equal(own, other)
    drawn = np.array(first["drawn"])
    fresh = drawn[1:] + 0.5 * drawn[:-1]
    for values in (drawn[0], *fresh):
        assert stats.kstest(values, "norm").pvalue > 1e-6
    assert (drawn[1:] ** 2).sum(1).min() > stats.chi2.ppf(1 - 1e-6, drawn.shape[1])
    # After the file was read the step before it is taken back, by noise that was not drawn yet.
    again = first["resumed"] + 0.5 * drawn[2]
    assert stats.kstest(again, "norm").pvalue > 1e-6
    assert not np.isclose(again, fresh[-1]).any()
    assert first["steps"] == second["steps"] == 4
