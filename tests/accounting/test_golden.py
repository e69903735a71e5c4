"""Values that others have published or compute: dp-accounting itself, and the literature."""

from __future__ import annotations

from fractions import Fraction

import pytest

from privet.accounting import calibrate_noise, calibrate_steps, privacy_curve
from privet.accounting.gaussian_dp import delta_of_mu, mu_for
from privet.accounting.price import epsilon_by_engine, price
from privet.accounting.risk import in_words, risk, worst_case_risk
from privet.core.errors import InvalidParameter
from privet.core.events import Composed, DiscreteLaplace, Event, Gaussian, PoissonSampled, Repeated
from privet.core.guarantees import ApproxDP
from privet.core.neighbours import Relation

from .engines import ADD

# rate, noise multiplier, steps; epsilon at delta 1e-5 by dp-accounting 0.6.0: PLD (interval 1e-5) and Renyi orders.
SAMPLED = [
    (Fraction(1, 100), 1.0, 10_000, 6.1877, 6.713),
    (Fraction(1, 100), 1.0, 1_000, 1.8282, 2.101),
    (Fraction(1, 1000), 0.7, 10_000, 1.2450, 2.025),
    (Fraction(256, 60_000), 1.1, 14_062, 2.3816, 2.597),
    (Fraction(1, 10), 3.0, 1_000, 4.8837, 5.288),
    (Fraction(1, 100), 0.5, 2_000, 18.111, 20.60),
]


def sampled(rate: Fraction, sigma: float, steps: int) -> Event:
    return Repeated(PoissonSampled(rate, Gaussian(sigma)), steps)


@pytest.mark.parametrize(("rate", "sigma", "steps", "tight", "renyi"), SAMPLED)
def test_sampled_gaussian_steps(rate: Fraction, sigma: float, steps: int, tight: float, renyi: float) -> None:
    found = epsilon_by_engine(sampled(rate, sigma, steps), relation=ADD, delta=1e-5)
    assert found["loss-distribution"] == pytest.approx(tight, rel=2e-3)
    assert found["renyi"] == pytest.approx(renyi, rel=0.01)
    assert price(sampled(rate, sigma, steps), relation=ADD, delta=1e-5).engine == "loss-distribution"


@pytest.mark.parametrize("direction", ["pld", "rdp"])
def test_dp_accounting_itself_to_one_percent(direction: str) -> None:
    import dp_accounting
    from dp_accounting import pld, rdp

    steps = [(0.02, 1.2, 300), (1.0, 20.0, 50)]
    theirs = dp_accounting.ComposedDpEvent(
        [
            dp_accounting.SelfComposedDpEvent(
                dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(sigma))
                if rate < 1
                else dp_accounting.GaussianDpEvent(sigma),
                count,
            )
            for rate, sigma, count in steps
        ]
    )
    accountant = pld.PLDAccountant() if direction == "pld" else rdp.RdpAccountant()
    theirs_epsilon = accountant.compose(theirs).get_epsilon(1e-6)
    ours = Composed([sampled(Fraction("0.02"), 1.2, 300), Repeated(Gaussian(20), 50)])
    found = epsilon_by_engine(ours, relation=ADD, delta=1e-6)
    engine = "loss-distribution" if direction == "pld" else "renyi"
    assert found[engine] == pytest.approx(theirs_epsilon, rel=0.01)


def test_dp_accounting_on_laplace_noise() -> None:
    from dp_accounting.pld import privacy_loss_distribution

    theirs = privacy_loss_distribution.from_discrete_laplace_mechanism(0.1, sensitivity=1).self_compose(40)
    found = epsilon_by_engine(Repeated(DiscreteLaplace(10, 1), 40), relation=ADD, delta=1e-6)
    assert found["loss-distribution"] == pytest.approx(theirs.get_epsilon_for_delta(1e-6), rel=0.01)


@pytest.mark.parametrize(("epsilon", "sigma"), [(1, 3.814), (3, 1.566), (8, 0.8835)])
def test_calibration_of_noise(epsilon: float, sigma: float) -> None:
    found = calibrate_noise(lambda s: sampled(Fraction(1, 100), s, 10_000), relation=ADD, epsilon=epsilon, delta=1e-5)
    assert float(found) == pytest.approx(sigma, rel=2e-3)
    point = price(sampled(Fraction(1, 100), float(found), 10_000), relation=ADD, delta=1e-5).point
    assert isinstance(point, ApproxDP)
    assert float(point.epsilon) <= epsilon
    smaller = price(sampled(Fraction(1, 100), float(found) * 0.997, 10_000), relation=ADD, delta=1e-5).point
    assert isinstance(smaller, ApproxDP)
    assert float(smaller.epsilon) > epsilon


def test_calibration_without_sampling_is_analytic() -> None:
    """Balle & Wang 2018: at epsilon 1, delta 1e-5, one Gaussian needs 3.73 times the sensitivity."""
    found = calibrate_noise(lambda s: Gaussian(s), relation=Relation.REPLACE_ONE, epsilon=1, delta=1e-5)
    assert float(found) == pytest.approx(1 / mu_for(1.0, delta=1e-5), rel=1e-6)
    assert float(found) == pytest.approx(3.7306, rel=1e-3)


def test_calibration_of_steps_is_the_last_that_fits() -> None:
    most = calibrate_steps(lambda n: sampled(Fraction(1, 100), 1.0, n), relation=ADD, epsilon=2, delta=1e-5)
    for steps, fits in ((most, True), (most + 1, False)):
        point = price(sampled(Fraction(1, 100), 1.0, steps), relation=ADD, delta=1e-5).point
        assert isinstance(point, ApproxDP)
        assert (float(point.epsilon) <= 2) is fits


def test_calibration_refuses_what_no_noise_reaches() -> None:
    with pytest.raises(InvalidParameter, match="above 0"):
        calibrate_noise(lambda s: Gaussian(s), relation=ADD, epsilon=0, delta=1e-5)


def test_gaussian_delta_of_the_literature() -> None:
    """Dong, Roth & Su 2022, Corollary 1: 1-GDP at epsilon 1 has delta Phi(-1/2) - e Phi(-3/2)."""
    from scipy.stats import norm

    assert delta_of_mu(1.0, epsilon=1.0) == pytest.approx(norm.cdf(-0.5) - 2.718281828459045 * norm.cdf(-1.5), rel=1e-9)


# epsilon, attack accuracy (point, curve), members found at 1 % (point, curve), at 0.1 % (point, curve), in percent.
RISK = [
    (1, (73.1, 55.1), (2.7, 2.0), (0.27, 0.24)),
    (2, (88.1, 58.8), (7.4, 3.2), (0.74, 0.46)),
    (4, (98.2, 64.1), (54.6, 6.3), (5.5, 1.2)),
    (8, (100, 71.3), (100, 14.8), (100, 4.2)),
]


@pytest.mark.parametrize(("epsilon", "accuracy", "one", "tenth"), RISK)
def test_risk_of_noisy_training(
    epsilon: float, accuracy: tuple[float, float], one: tuple[float, float], tenth: tuple[float, float]
) -> None:
    sigma = calibrate_noise(lambda s: sampled(Fraction(1, 50), s, 500), relation=ADD, epsilon=epsilon, delta=1e-5)
    curve = risk(sampled(Fraction(1, 50), float(sigma), 500), relation=ADD)
    point = worst_case_risk(epsilon=epsilon, delta=1e-5)
    for read, (alone, whole) in (
        (lambda r: r.attack_accuracy, accuracy),
        (lambda r: r.true_positive_rate(0.01), one),
        (lambda r: r.true_positive_rate(0.001), tenth),
    ):
        assert 100 * read(point) == pytest.approx(alone, abs=0.06, rel=0.01)
        assert 100 * read(curve) == pytest.approx(whole, abs=0.06, rel=0.01)
        assert read(curve) <= read(point)


def test_risk_of_one_gaussian_is_that_of_the_best_test() -> None:
    """Neyman and Pearson: the best test of N(0,1) against N(1,1) has a known accuracy and trade-off."""
    from scipy.stats import norm

    found = risk(Gaussian(1), relation=ADD)
    assert found.attack_accuracy == pytest.approx(norm.cdf(0.5), rel=2e-3)
    for rate in (0.001, 0.01, 0.2):
        assert found.true_positive_rate(rate) == pytest.approx(norm.cdf(norm.ppf(rate) + 1), rel=5e-3)
        assert found.true_positive_rate(rate) >= norm.cdf(norm.ppf(rate) + 1) * (1 - 1e-6)


def test_posterior_rises_with_the_prior_and_with_epsilon() -> None:
    weak, strong = risk(Gaussian(4), relation=ADD), risk(Gaussian(1), relation=ADD)
    for prior in (0.1, 0.5, 0.9):
        assert prior <= weak.posterior(prior) <= strong.posterior(prior) <= 1
    with pytest.raises(InvalidParameter):
        weak.posterior(1.0)


def test_words_are_a_promise_so_they_round_up() -> None:
    assert "at most 56" in in_words(worst_case_risk(epsilon=0.21, delta=1e-5))


def test_curves_of_heterogeneous_plans_are_joint() -> None:
    """Steps of two kinds cost less together than the sum of their epsilons at half the delta each."""
    parts = [sampled(Fraction(1, 100), 1.0, 1000), Repeated(DiscreteLaplace(20, 1), 10)]
    joint = privacy_curve(Composed(parts), relation=ADD).epsilon(1e-5)
    apart = sum(privacy_curve(part, relation=ADD).epsilon(5e-6) for part in parts)
    assert joint < apart
