"""Whatever a column holds, an operator treats it or says so in words of ours, which contain no cell."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pytest

from privet.core.errors import InvalidParameter
from privet.core.plugins import names
from privet.deidentify.operator import FAMILY
from privet.deidentify.policy import read_policy
from privet.deidentify.transform import apply_policy, reverse

pandas = pytest.importorskip("pandas")

KEY = bytes(range(32))
SECRET = "Q7secretQ7"
NUMBER = 70717273747576
ALONE = {
    "add_noise": {"stddev": 1},
    "age_band": {"on": "2026-01-01"},
    "drop": {},
    "faker": {"provider": "address"},
    "format_preserving": {"kind": "digits", "reversible": True},
    "generalise_category": {"tree": {"top": ["a", "b"]}},
    "generalise_date": {"to": "year"},
    "generalise_number": {"width": 10, "lowest": 0, "highest": 100},
    "generalise_postcode": {"keep": 1},
    "keep": {},
    "made_up_name": {},
    "mask": {"last": 2},
    "microaggregate": {"k": 2},
    "pseudonymise": {"reversible": True},
    "randomise": {"change": 0.5},
    "rank_swap": {"percent": 50},
    "redact": {},
    "redact_text": {},
    "round_number": {"to": 5},
    "shift_date": {"days": 3},
    "top_bottom_code": {"lowest": 0},
}
TOGETHER = {"microaggregate": {"k": 2}, "suppress_rare": {"k": 2}}


class Odd:
    """An object whose text cannot be had without an error that tells it."""

    def __str__(self) -> str:
        raise ValueError(SECRET)

    __repr__ = __str__


ZONES = [datetime.timezone(datetime.timedelta(hours=hours)) for hours in (1, 2, 3)]
COLUMNS = {
    "lists": [[SECRET], [SECRET, SECRET], None],
    "dicts": [{SECRET: NUMBER}, {SECRET: 2}, None],
    "sets": [{SECRET}, {SECRET}, None],
    "bytes": [SECRET.encode(), b"\xff" + SECRET.encode(), None],
    "mixed": [SECRET, NUMBER, None],
    "mixed with dates": [SECRET, datetime.date(1971, 7, 7), NUMBER],
    "booleans": [True, False, True],
    "complex": [complex(NUMBER, 1), complex(1, NUMBER), None],
    "decimals": [decimal.Decimal(NUMBER), decimal.Decimal("NaN"), None],
    "large": [10**400 + NUMBER, -(10**400), 1],
    "infinite": [float("inf"), float("-inf"), float("nan")],
    "times": [datetime.time(1, 2), datetime.time(3, 4), None],
    "with a zone": pandas.to_datetime(["1971-07-07T01:00:00Z", "1972-07-07T01:00:00Z", None]),
    "with two zones": [datetime.datetime(1971, 7, 7, tzinfo=zone) for zone in ZONES],
    "far dates": [datetime.datetime(1, 1, 1), datetime.datetime(9999, 1, 1), None],
    "intervals": pandas.timedelta_range("1 day", periods=3),
    "periods": pandas.period_range("1971-07", periods=3, freq="M"),
    "ranges": pandas.interval_range(0, 3),
    "categories": pandas.Categorical([SECRET, "b", None]),
    "ordered numbers": pandas.Categorical([NUMBER, 2, 2], ordered=True),
    "lone surrogates": pandas.Series(["\ud800" + SECRET, "a", None], dtype=object),
    "odd": [Odd(), Odd(), None],
    "nothing": [None, None, None],
}  # fmt: skip


def test_every_operator_is_here() -> None:
    assert {*ALONE, *TOGETHER} == set(names(FAMILY))


def wrong_words(work) -> str:
    """What is wrong with what an operator says of a column that it cannot treat."""
    try:
        work()
    except InvalidParameter as error:
        said = str(error)
        if error.__cause__ is not None or any(hidden in said for hidden in (SECRET, str(NUMBER), "1971")):
            return "it tells a cell"
        if "'c'" not in said and "nothing is turned back" not in said:
            return "it names no column"
    except Exception as error:
        return f"its own words: {type(error).__name__}"
    return ""


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("operator", ALONE)
def test_an_operator_tells_no_cell_that_it_cannot_treat(operator: str) -> None:
    if operator == "faker":
        pytest.importorskip("faker")
    policy = read_policy({"columns": {"c": {"operator": operator, **ALONE[operator]}}})
    for held, cells in COLUMNS.items():
        table = pandas.DataFrame({"c": pandas.Series(cells)})
        assert not wrong_words(lambda table=table: apply_policy(table, policy=policy, key=KEY)), held
        if ALONE[operator].get("reversible"):
            assert not wrong_words(lambda table=table: reverse(table, policy=policy, key=KEY)), held


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("operator", TOGETHER)
def test_an_operator_on_several_columns_tells_no_cell(operator: str) -> None:
    step = {"operator": operator, "columns": ["c", "n"], **TOGETHER[operator]}
    policy = read_policy({"columns": {}, "others": "keep", "together": [step]})
    for held, cells in COLUMNS.items():
        table = pandas.DataFrame({"c": pandas.Series(cells), "n": [1, 2, 3]})
        assert not wrong_words(lambda table=table: apply_policy(table, policy=policy, key=KEY)), held


DAYS = ["1980-01-01", "1980-01-03", "1999-05-05", "1999-05-07", "1999-05-06", None, "no date"]


@pytest.mark.parametrize("stored", ["text", "dates", "with a zone", "objects"])
def test_dates_are_averaged_like_the_numbers_of_their_days(stored: str) -> None:
    column = pandas.Series(DAYS, dtype=object)
    if stored != "text":
        column = pandas.to_datetime(column, errors="coerce", utc=stored == "with a zone")
    if stored == "objects":
        column = column.dt.date.astype(object)
    policy = read_policy({"columns": {"c": {"operator": "microaggregate", "k": 2}}})
    means = apply_policy(pandas.DataFrame({"c": column}), policy=policy, key=KEY)["c"]
    assert means.tolist() == ["1980-01-02"] * 2 + ["1999-05-06"] * 3 + [None, None]


def test_dates_and_numbers_are_grouped_together_by_their_days() -> None:
    days, numbers = pandas.date_range("2001-01-01", periods=40), np.arange(40) * 7 % 40
    step = {"operator": "microaggregate", "columns": ["d", "n"], "k": 3}
    policy = read_policy({"others": "keep", "together": [step]})
    as_dates = apply_policy(pandas.DataFrame({"d": days, "n": numbers}), policy=policy, key=KEY)
    ordinals = (days - pandas.Timestamp(0)).days.to_numpy(dtype=float)
    as_numbers = apply_policy(pandas.DataFrame({"d": ordinals, "n": numbers}), policy=policy, key=KEY)
    assert as_dates["n"].tolist() == as_numbers["n"].tolist()
    expected = (pandas.Timestamp(0) + pandas.to_timedelta(np.rint(as_numbers["d"]), unit="D")).dt.strftime("%Y-%m-%d")
    assert as_dates["d"].tolist() == expected.tolist()


@pytest.mark.parametrize("as_text", [True, False])
def test_dates_exchange_with_dates_that_are_near(as_text: bool) -> None:
    days = pandas.Series(pandas.date_range("1950-01-01", periods=300, freq="37D")).sample(frac=1, random_state=1)
    column = days.dt.strftime("%d %b %Y") if as_text else days
    policy = read_policy({"columns": {"c": {"operator": "rank_swap", "percent": 2}}})
    swapped = apply_policy(pandas.DataFrame({"c": column}), policy=policy, key=KEY)["c"]
    assert sorted(swapped) == sorted(column)
    moved = abs(pandas.to_datetime(swapped, format="%d %b %Y" if as_text else None) - days).dt.days
    assert 0 < moved.max() <= 6 * 37
    assert (moved > 0).mean() > 0.8
