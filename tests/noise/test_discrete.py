"""The fast exact samplers follow their laws, reject neighbours of them, and agree with the plain reference."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from privet.core.errors import InvalidParameter
from privet.noise import discrete, discrete_reference
from privet.noise.discrete import LaplaceTables, discrete_gaussian, discrete_laplace, envelope
from privet.noise.rejection import Acceptance, bernoulli_exp_from, exp_minus
from privet.noise.simulation import generator

from .laws import exact_float, gaussian_mass, laplace_mass, p_value

SCALES = [Fraction(1, 2), Fraction(1), Fraction(10, 3), Fraction("7.1234567891234"), Fraction(97), Fraction(1000)]
DRAWS = 300_000


@pytest.mark.statistical
@pytest.mark.parametrize("scale", SCALES)
def test_laplace_draws_follow_the_law_and_reject_scales_ten_percent_off(scale: Fraction) -> None:
    drawn = discrete_laplace(scale=scale, size=DRAWS, read=generator(1).bytes)
    assert p_value(drawn, laplace_mass(scale)) > 1e-4
    assert p_value(drawn, laplace_mass(scale * Fraction(9, 10))) < 1e-9
    assert p_value(drawn, laplace_mass(scale * Fraction(11, 10))) < 1e-9


@pytest.mark.statistical
@pytest.mark.parametrize("stddev", SCALES)
def test_gaussian_draws_follow_the_law_and_reject_scales_ten_percent_off(stddev: Fraction) -> None:
    drawn = discrete_gaussian(variance=stddev**2, size=DRAWS, read=generator(2).bytes)
    assert p_value(drawn, gaussian_mass(stddev**2)) > 1e-4
    assert p_value(drawn, gaussian_mass((stddev * Fraction(9, 10)) ** 2)) < 1e-9
    assert p_value(drawn, gaussian_mass((stddev * Fraction(11, 10)) ** 2)) < 1e-9


@pytest.mark.statistical
@pytest.mark.parametrize("scale", [Fraction(2**40), Fraction(2**55), Fraction(10**12 + 1, 7)])
def test_at_huge_scales_quantiles_are_those_of_the_continuous_laws(scale: Fraction) -> None:
    """The discrete laws differ from the continuous ones by less than 1 / scale there."""
    laplace = discrete_laplace(scale=scale, size=100_000, read=generator(3).bytes) / float(scale)
    assert stats.kstest(laplace, "laplace").pvalue > 1e-4
    assert stats.kstest(laplace * 1.1, "laplace").pvalue < 1e-9
    assert stats.kstest(laplace * 0.9, "laplace").pvalue < 1e-9
    normal = discrete_gaussian(variance=scale**2, size=100_000, read=generator(4).bytes) / float(scale)
    assert stats.kstest(normal, "norm").pvalue > 1e-4
    assert stats.kstest(normal * 1.1, "norm").pvalue < 1e-9
    assert stats.kstest(normal * 0.9, "norm").pvalue < 1e-9


@pytest.mark.statistical
def test_low_digits_at_a_huge_scale_are_uniform() -> None:
    drawn = discrete_laplace(scale=Fraction(2**40), size=200_000, read=generator(5).bytes)
    for shift in range(0, 32, 4):
        counts = np.bincount((drawn >> shift) & 15, minlength=16)
        assert stats.chisquare(counts).pvalue > 1e-5


def test_a_tiny_scale_gives_almost_only_zeros() -> None:
    assert not discrete_laplace(scale=Fraction(1, 100), size=200_000, read=generator(6).bytes).any()
    drawn = discrete_laplace(scale=Fraction(1, 8), size=400_000, read=generator(7).bytes)
    # P(X != 0) = 2 q / (1 + q) with q = exp(-8): 268.2 expected, standard deviation 16.4.
    assert abs(np.count_nonzero(drawn) - 268.2) < 5 * 16.4


@pytest.mark.statistical
@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(10, 3), Fraction(20)])
def test_the_plain_reference_follows_the_law_too(scale: Fraction) -> None:
    read = generator(8).bytes
    laplace = np.array([discrete_reference.discrete_laplace(scale, read=read) for _ in range(6000)])
    normal = np.array([discrete_reference.discrete_gaussian(scale**2, read=read) for _ in range(6000)])
    assert p_value(laplace, laplace_mass(scale)) > 1e-4
    assert p_value(normal, gaussian_mass(scale**2)) > 1e-4
    assert p_value(laplace, laplace_mass(scale * Fraction(3, 4))) < 1e-6
    assert p_value(normal, gaussian_mass((scale * Fraction(3, 4)) ** 2)) < 1e-6


@pytest.mark.statistical
@pytest.mark.parametrize("scale", [Fraction(3, 10), Fraction(10, 3), Fraction(33)])
def test_fast_and_plain_draws_have_one_law(scale: Fraction) -> None:
    """Two-sample test over the values that both give often."""
    read = generator(9).bytes
    fast = discrete_gaussian(variance=scale**2, size=60_000, read=read)
    plain = np.array([discrete_reference.discrete_gaussian(scale**2, read=read) for _ in range(6000)])
    reach = int(3 * scale) + 1
    counts = [np.bincount(np.clip(x, -reach, reach) + reach, minlength=2 * reach + 1) for x in (fast, plain)]
    table = np.array(counts)
    table = table[:, table[1] >= 5]
    assert stats.chi2_contingency(table).pvalue > 1e-4


@pytest.mark.statistical
@pytest.mark.parametrize("width", [2, 5, 9])
def test_the_law_survives_words_so_short_that_most_decisions_are_open(width: int) -> None:
    """At width 2 nearly every comparison falls back to exact arithmetic; a fault there would show."""
    chance = generator(20 + width)
    variance = Fraction(27, 4)
    tables = LaplaceTables.of(Fraction(envelope(variance)), width=width)
    words = chance.integers(0, 1 << width, (tables.words_per_draw + 1, 12_000), dtype=np.uint32)
    proposed = tables.draw(words[:-1], read=chance.bytes)
    assert p_value(proposed, laplace_mass(Fraction(envelope(variance)))) > 1e-4
    kept = proposed[Acceptance(variance, width=width).decide(proposed, words[-1], read=chance.bytes)]
    assert p_value(kept, gaussian_mass(variance)) > 1e-4
    assert p_value(kept, gaussian_mass(variance * Fraction(81, 100))) < 1e-6
    assert p_value(kept, gaussian_mass(variance * Fraction(121, 100))) < 1e-6


def test_the_undecided_word_of_a_bernoulli_is_settled_by_its_following_bits() -> None:
    gamma = Fraction(7, 5)
    prefix = int(exact_float(gamma) * 2**32)
    assert bernoulli_exp_from(gamma, prefix, bits=32, read=lambda count: bytes(count))
    assert not bernoulli_exp_from(gamma, prefix, bits=32, read=lambda count: b"\xff" * count)
    accept = Acceptance(Fraction(100))
    y = np.array([3] * 3)
    gamma = (3 - Fraction(100, 11)) ** 2 / 200
    edge = int(exact_float(gamma) * 2**32)
    words = np.array([edge - 1, edge, edge + 1], dtype=np.uint32)
    assert accept.decide(y, words, read=lambda count: bytes(count)).tolist() == [True, True, False]
    assert accept.decide(y, words, read=lambda count: b"\xff" * count).tolist() == [True, False, False]


def test_the_float_exponential_is_within_its_stated_error() -> None:
    """The margin of the acceptance test is 2**-40; the stated error of the float is 2**-48."""
    gamma = generator(1).uniform(0, 32, 3000)
    computed = exp_minus(gamma)
    for g, value in zip(gamma.tolist(), computed.tolist(), strict=True):
        low, high = discrete.exp_bounds(Fraction(g), bits=200)
        assert abs(Fraction(value) * 2**200 - low) <= (Fraction(1, 2**48) * high) + 2


@pytest.mark.parametrize("variance", [Fraction(1, 10**4), Fraction(9, 7), Fraction(10**8), Fraction(2**110)])
def test_float_gamma_is_far_closer_to_the_truth_than_the_margin(variance: Fraction) -> None:
    """Worst proposals near 11 standard deviations: the relative error of p stays below 2**-42."""
    accept = Acceptance(variance)
    stddev = float(variance) ** 0.5
    for multiple in (0, 0.1, 1, 2.5, 7.9):
        y = int(multiple * stddev)
        gamma = ((float(y) - accept._centre) ** 2) * accept._double_inverse
        exact = (y - variance / envelope(variance)) ** 2 / (2 * variance)
        if gamma < 32:
            assert abs(Fraction(gamma) - exact) < Fraction(1, 2**43)


@pytest.mark.parametrize("scale", [0, -1, Fraction(2**55) + 1, Fraction(1, 2**101), 2**400])
def test_scales_whose_draws_do_not_fit_are_refused_by_name(scale: Fraction) -> None:
    with pytest.raises(InvalidParameter, match=r"2\*\*55"):
        discrete_laplace(scale=scale, size=1, read=generator(1).bytes)
    with pytest.raises(InvalidParameter, match=r"2\*\*55"):
        discrete_gaussian(variance=Fraction(scale) * abs(scale), size=1, read=generator(1).bytes)


def test_a_draw_beyond_the_limit_is_refused_and_never_wraps_around() -> None:
    """All-ones bits ask for the far tail, which at the largest scale lies beyond 2**62."""
    with pytest.raises(InvalidParameter, match=str(2**62)):
        tail = iter([b"\xff"] * 12 + [b"\x5a"] * 100)
        discrete_laplace(scale=Fraction(2**55), size=1, read=lambda count: next(tail) * count)


@pytest.mark.parametrize("size", [0, 1, 7, 20_000])
def test_exactly_the_asked_number_comes_back(size: int) -> None:
    assert discrete_laplace(scale=Fraction(3), size=size, read=generator(1).bytes).shape == (size,)
    assert discrete_gaussian(variance=Fraction(3), size=size, read=generator(1).bytes).shape == (size,)
    with pytest.raises(InvalidParameter, match="size"):
        discrete_laplace(scale=Fraction(3), size=-1, read=generator(1).bytes)
