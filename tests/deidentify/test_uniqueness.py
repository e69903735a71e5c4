"""Population uniqueness: each model finds the truth in populations of its own kind, whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from privet.core.errors import InvalidParameter
from privet.deidentify.uniqueness import pitman, population_uniqueness, snb, zayatz
from privet.noise.simulation import generator


def pitman_population(*, seed: int, people: int, theta: float, alpha: float) -> list[int]:
    """Seat people one by one: a new class with chance (theta + u alpha) / (theta + i), else one by its size - alpha."""
    chance, labels, sizes = generator(seed), [], []
    for i in range(people):
        if chance.random() * (theta + i) < theta + alpha * len(sizes):
            labels.append(len(sizes))
            sizes.append(1)
            continue
        while True:
            chosen = labels[int(chance.random() * i)]
            if chance.random() * sizes[chosen] < sizes[chosen] - alpha:
                break
        labels.append(chosen)
        sizes[chosen] += 1
    return labels


def sampled(labels: list[int], *, size: int, seed: int) -> np.ndarray:
    counts = np.bincount(generator(seed).permutation(np.array(labels))[:size])
    return counts[counts > 0]


@pytest.mark.statistical
@pytest.mark.parametrize(("theta", "alpha"), [(200, 0.5), (30, 0.7)])
def test_pitman_finds_the_uniques_of_a_pitman_population(theta: float, alpha: float) -> None:
    labels = pitman_population(seed=1, people=30_000, theta=theta, alpha=alpha)
    truth = float((np.bincount(labels) == 1).sum() / len(labels))
    sizes = sampled(labels, size=6000, seed=2)
    found = pitman(sizes, population=len(labels))
    assert found == pytest.approx(truth, rel=0.1)
    # The sample's own share is far from it, so the estimate is no accident.
    assert (sizes == 1).sum() / sizes.sum() > 1.3 * truth


def test_pitmans_expected_uniques_are_those_of_seating_people() -> None:
    theta, alpha, people = 3.0, 0.4, 40
    alone = [np.bincount(pitman_population(seed=s, people=people, theta=theta, alpha=alpha)) for s in range(400)]
    mean = float(np.mean([(sizes == 1).sum() for sizes in alone]))
    plain = people * math.prod((theta + alpha + i - 1) / (theta + i) for i in range(1, people))
    error = 5 * float(np.std([(sizes == 1).sum() for sizes in alone])) / 20
    assert abs(mean - plain) < error < 0.1 * plain
    closed = math.exp(math.lgamma(theta + 1) - math.lgamma(theta + alpha) + math.lgamma(theta + alpha + people - 1)
                      - math.lgamma(theta + people))  # fmt: skip
    assert people * closed == pytest.approx(plain)


def test_snb_finds_the_uniques_of_a_slide_negative_binomial_population() -> None:
    chance = generator(5)
    sizes = 1 + chance.negative_binomial(1.0, 0.2, 20_000)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    truth = float((sizes == 1).sum() / len(labels))
    found = snb(sampled(labels.tolist(), size=len(labels) // 4, seed=6), population=len(labels))
    assert found == pytest.approx(truth, rel=0.15)


def test_zayatz_is_its_formula() -> None:
    sizes, population = np.array([1] * 30 + [2] * 10 + [5] * 4), 700
    n = int(sizes.sum())

    def once(j: int) -> float:
        return j * math.comb(population - j, n - 1) / math.comb(population, n)

    chances = {1: 30 * once(1), 2: 10 * once(2), 5: 4 * once(5)}
    assert zayatz(sizes, population=population) == pytest.approx(chances[1] / sum(chances.values()) * 30 / n)


def test_zayatz_finds_the_uniques_where_most_were_sampled() -> None:
    chance = generator(9)
    sizes = chance.geometric(0.3, 20_000)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    truth = float((sizes == 1).sum() / len(labels))
    found = zayatz(sampled(labels.tolist(), size=len(labels) * 9 // 10, seed=10), population=len(labels))
    assert found == pytest.approx(truth, rel=0.06)


def test_a_table_that_is_the_population_needs_no_model() -> None:
    found = population_uniqueness(np.array([1, 1, 2]), population=4)
    assert (found.population, found.sample) == (0.5, 0.5)


def test_the_rule_of_dankar_chooses() -> None:
    sizes = sampled(pitman_population(seed=3, people=5000, theta=100, alpha=0.5), size=400, seed=4)
    assert population_uniqueness(sizes, population=5000).chosen == "pitman"
    found = population_uniqueness(sizes, population=1000)
    assert found.population == min(x for x in (found.zayatz, found.snb) if x is not None)


def test_samples_without_uniques_and_of_uniques_only_do_not_fail() -> None:
    assert population_uniqueness(np.array([3, 3, 4]), population=100).population < 0.2
    only = population_uniqueness(np.ones(50, dtype=int), population=5000)
    assert only.pitman is None
    assert only.population == only.zayatz == 1.0


def test_impossible_populations_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="population is 3"):
        population_uniqueness(np.array([2, 2]), population=3)
    with pytest.raises(InvalidParameter, match="no rows"):
        population_uniqueness(np.array([]), population=3)
