"""Statistics say what they should, on every kind of table, through the gate's eyes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from privet.core.bounds import Categories, Interval
from privet.core.errors import InvalidParameter
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.protocols import Mechanism
from privet.noise.simulation import SeededNoise, generator
from privet.statistics import Grid, count, histogram, mean, sum

PERSON = PrivacyUnit("person", column="id", max_rows=2)
TERMS = {"unit": PERSON, "relation": Relation.ADD_OR_REMOVE}
ROWS = {"unit": PrivacyUnit("row"), "relation": Relation.ADD_OR_REMOVE}
TABLE = {
    "id": [1, 1, 1, 2, 3, None],
    "age": [10.0, 20.0, 90.0, 40.0, float("nan"), 50.0],
    "sex": ["f", "f", "f", "m", None, "m"],
}


def frames():
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    arrow = pytest.importorskip("pyarrow")
    yield pandas.DataFrame(TABLE)
    yield pandas.DataFrame(TABLE).convert_dtypes()
    yield polars.DataFrame(TABLE)
    yield arrow.table(TABLE)
    yield {name: np.array(column, dtype=object) for name, column in TABLE.items()}


def test_every_kind_of_table_gives_the_same_answers() -> None:
    made = {
        "count": (count(epsilon=1, **TERMS), 4),
        "sum": (sum("age", bounds=Interval(0, 100), epsilon=1, granularity=1, **TERMS), 70),
        "numbers": (histogram("age", bins=[0, 15, 30, 100], epsilon=1, **TERMS), [1, 1, 1]),
        "sexes": (histogram("sex", bins=Categories(("f", "m")), epsilon=1, **TERMS), [2, 1]),
        "mean": (mean("age", bounds=Interval(0, 100), epsilon=1, granularity=1, **TERMS), [-130, 200]),
    }
    for frame in frames():
        for mechanism, expected in made.values():
            assert np.asarray(mechanism.query(frame)).tolist() == expected


def test_a_condition_is_met_row_by_row() -> None:
    pandas = pytest.importorskip("pandas")
    adults = count(epsilon=1, where=lambda data: data["age"] >= 18, **TERMS)
    assert adults.query(pandas.DataFrame(TABLE)) == 3
    with pytest.raises(InvalidParameter, match="each row"):
        count(epsilon=1, where=lambda data: [True], **TERMS).query(pandas.DataFrame(TABLE))


def test_epsilon_becomes_an_exact_scale() -> None:
    assert count(epsilon=0.1, **TERMS).scale == 20
    assert mean("age", bounds=Interval(0, 100), epsilon="1/3", granularity=1, **TERMS).scale == 600
    for epsilon in (0, -1, float("nan"), None):
        with pytest.raises(InvalidParameter, match="epsilon"):
            count(epsilon=epsilon, **TERMS)


@pytest.mark.statistical
def test_releases_are_near_the_truth_at_the_error_that_theory_gives() -> None:
    """Standard deviation of the discrete Laplace at scale b is close to b sqrt(2)."""
    ages = generator(1).uniform(0, 100, 5000)
    truth = {"count": 5000.0, "sum": ages.sum(), "mean": ages.mean()}
    mechanisms = {
        "count": (count(epsilon=1, **ROWS), 1.36),
        "sum": (sum(None, bounds=Interval(0, 100), epsilon=1, **ROWS), 141.4),
        "mean": (mean(None, bounds=Interval(0, 100), epsilon=1, **ROWS), 141.4 / 5000),
    }
    noise = SeededNoise(3)
    for name, (mechanism, error) in mechanisms.items():
        assert isinstance(mechanism, Mechanism)
        released = np.array([mechanism.apply(ages, noise) for _ in range(300)])
        assert np.sqrt(((released - truth[name]) ** 2).mean()) == pytest.approx(error, rel=0.25)


def test_a_mean_stays_in_its_bounds_even_without_rows() -> None:
    mechanism = mean(None, bounds=Interval(10, 20), epsilon="1/100", **ROWS)
    noise = SeededNoise(4)
    released = [mechanism.apply(np.array([]), noise) for _ in range(200)]
    assert all(10 <= value <= 20 for value in released)
    assert all(isinstance(value, float) for value in released)


def test_a_sum_is_a_multiple_of_its_granularity() -> None:
    released = sum(None, bounds=Interval(0, 1), epsilon=1, granularity="1/8", **ROWS).apply(np.ones(5), SeededNoise(1))
    assert released * 8 == int(released * 8)


def test_a_grid_covers_its_bounds_and_never_exceeds_its_codes() -> None:
    grid = Grid.over(Interval(0.1, 0.9), granularity="1/4")
    assert (grid.low, grid.high) == (0, 4)
    wild = np.array([np.inf, -np.inf, np.nan, 1e308, -1e308, 0.5])
    assert grid.codes(wild).tolist() == [4, 0, 0, 4, 0, 2]
    assert Grid.over(Interval(5, 9), granularity=1).codes([np.nan]).tolist() == [5]
    default = Grid.over(Interval(0, 80))
    assert 2**15 <= default.high - default.low <= 2**16
    assert default.granularity == Fraction(1, 512)


@pytest.mark.parametrize("granularity", [0, -1, 1e-9, "nan"])
def test_a_useless_granularity_is_refused(granularity) -> None:
    with pytest.raises(InvalidParameter):
        Grid.over(Interval(0, 100), granularity=granularity)


@pytest.mark.parametrize("bins", [[1], [2, 1], [0, float("inf")], [0, 0, 1], [[0, 1]]])
def test_useless_bins_are_refused(bins) -> None:
    with pytest.raises(InvalidParameter, match="edges"):
        histogram("age", bins=bins, epsilon=1, **TERMS)


def test_histogram_ends_catch_what_lies_beyond_and_the_last_edge() -> None:
    mechanism = histogram(None, bins=[0, 1, 2], epsilon=1, **ROWS)
    assert mechanism.query(np.array([-5.0, 0.0, 1.0, 2.0, 99.0, np.nan])).tolist() == [2, 3]


def test_a_missing_column_is_named_and_no_data_are_shown() -> None:
    with pytest.raises(InvalidParameter, match="'height'"):
        sum("height", bounds=Interval(0, 1), epsilon=1, **TERMS).query(TABLE)
    with pytest.raises(InvalidParameter, match="'person_id'"):
        count(
            epsilon=1, unit=PrivacyUnit("person", column="person_id", max_rows=2), relation=Relation.REPLACE_ONE
        ).query(TABLE)
