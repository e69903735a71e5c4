"""One table, whoever holds it, has one coding."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import class_of_each_row, classes_of, count, packed, sizes_in_both
from privet.deidentify.codes import Column, aligned, encode, encode_column
from tests.deidentify.tables import Rows, as_columns, plain_classes, rows

pandas = pytest.importorskip("pandas")

cells = st.lists(st.one_of(st.none(), st.integers(-5, 300), st.sampled_from(["x", "y", "007"])), max_size=40)


@given(cells)
def test_a_code_leads_back_to_its_cell(found: list) -> None:
    column = encode_column(found)
    assert [column.labels[code] for code in column.codes] == found
    assert len(set(column.labels)) == column.levels


@pytest.mark.parametrize(
    "values",
    [[3, 1, 2, 3], [0.5, math.nan, 2.0], ["b", "a", None, "b"], [10**12, 5, -7], [True, False, True], [], [5]],
    ids=["whole", "float", "text", "far apart", "bool", "empty", "one"],
)
def test_pandas_arrow_polars_numpy_and_lists_are_coded_alike(values: list) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    plain = encode_column(values)
    made = [encode_column(pandas.Series(values)), encode_column(pyarrow.array(values, from_pandas=True))]
    made.append(encode_column(pyarrow.chunked_array([pyarrow.array(values, from_pandas=True)])))
    made.append(encode_column(np.array(values, dtype=object if None in values else None)))
    made.append(encode_column(pandas.Series(values, dtype=object).astype("category")))
    try:
        import polars
    except ImportError:
        pass
    else:
        made.append(encode_column(polars.Series(values, strict=False)))
    for column in made:
        assert column.codes.tolist() == plain.codes.tolist()
        assert [str(label) for label in column.labels] == [str(label) for label in plain.labels]


def test_dates_are_ordered_and_missing_ones_come_last() -> None:
    column = encode_column(pandas.to_datetime(pandas.Series(["2020-03-01", None, "2019-12-31"])))
    assert column.codes.tolist() == [1, 2, 0]
    assert column.labels[2] is None


def test_what_a_category_or_a_dictionary_knows_and_no_row_has_is_no_label() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    series = pandas.Series(["b", None, "b"], dtype=pandas.CategoricalDtype(["z", "b", "a"]))
    named = pyarrow.DictionaryArray.from_arrays(pyarrow.array([1, None, 1]), pyarrow.array(["z", "b", None]))
    chunks = pyarrow.chunked_array([named, pyarrow.DictionaryArray.from_arrays([0, 1], ["b", "c"])])
    for values, labels, codes in ((series, ("b", None), [0, 1, 0]), (named, ("b", None), [0, 1, 0]),
                                  (chunks, ("b", "c", None), [0, 2, 0, 0, 1])):  # fmt: skip
        column = encode_column(values)
        assert (column.labels, column.codes.tolist()) == (labels, codes)


@given(st.lists(st.integers(-3, 90), min_size=1, max_size=300), st.sampled_from(["int8", "int32", "int64", "uint64"]))
def test_whole_numbers_of_any_width_are_coded_by_place(found: list[int], kind: str) -> None:
    array = np.abs(np.array(found)).astype(kind) if kind == "uint64" else np.array(found, dtype=kind)
    labels, codes = np.unique(array, return_inverse=True)
    column = encode_column(array)
    assert (list(column.labels), column.codes.tolist()) == (labels.tolist(), codes.tolist())
    high = encode_column(np.array([2**64 - 1, 2**64 - 3], dtype=np.uint64))
    assert (high.labels, high.codes.tolist()) == ((2**64 - 3, 2**64 - 1), [1, 0])


def test_blocks_are_looked_up_as_the_whole_is() -> None:
    chance = np.arange(200_000) * 7919 % 1000
    text = pandas.Series(chance.astype(str))
    for values in (chance, text, text.astype("category"), text.astype(object)):
        column = encode_column(values)
        assert np.array([int(label) for label in column.labels])[column.codes].tolist() == chance.tolist()


def test_text_that_is_all_numbers_is_ordered_as_numbers() -> None:
    assert encode_column(["10", "9", "100"]).labels == ("9", "10", "100")
    assert encode_column(["10", "9", "x"]).labels == ("10", "9", "x")


def test_codes_take_the_smallest_type() -> None:
    assert encode_column(np.arange(256)).codes.dtype == np.uint8
    assert encode_column(np.arange(257)).codes.dtype == np.uint16


def test_wrong_tables_are_refused_without_their_data() -> None:
    with pytest.raises(InvalidParameter, match="'b'"):
        encode({"a": ["secret"]}, columns=["b"])
    with pytest.raises(InvalidParameter, match="1 to 2 cells"):
        encode({"a": [1], "b": [1, 2]})
    with pytest.raises(InvalidParameter, match="is no table") as caught:
        encode("secret")
    assert "secret" not in str(caught.value)


@given(rows)
def test_classes_and_their_sensitive_counts_are_those_of_the_definition(found: Rows) -> None:
    classes = classes_of(as_columns(found), quasi_identifiers=["one", "two"], sensitive="ill")
    plain = plain_classes(found)
    assert classes.sizes.tolist() == [sum(counter.values()) for counter in plain]
    assert classes.rows == len(found)
    kept = classes.cells()
    listed = [(int(c), kept.labels[v], int(n)) for c, v, n in zip(kept.of_class, kept.value, kept.count, strict=True)]
    assert listed == [(i, value, counter[value]) for i, counter in enumerate(plain) for value in sorted(counter)]
    numbers, sizes = class_of_each_row(as_columns(found), quasi_identifiers=["one", "two"])
    assert sizes.tolist() == classes.sizes.tolist()
    assert np.bincount(numbers).tolist() == sizes.tolist()


@given(st.lists(st.integers(0, 50), max_size=80), st.sampled_from([51, 10**6, 2**40, 2**62]))
def test_counting_by_table_and_by_sorting_agree(found: list[int], levels: int) -> None:
    values, counts = count(np.array(found, dtype=np.int64), levels)
    plain, times = np.unique(np.array(found, dtype=np.int64), return_counts=True)
    assert values.tolist() == plain.tolist()
    assert counts.tolist() == times.tolist()
    weights = np.arange(len(found), dtype=np.int64) + 1
    values, counts = count(np.array(found, dtype=np.int64), levels, counts=weights)
    assert values.tolist() == plain.tolist()
    assert counts.tolist() == [int(weights[np.array(found) == value].sum()) for value in plain]


def test_keys_that_would_overflow_are_coded_again() -> None:
    wide = [Column(np.array([0, 1, 1, 0]), range(2**31)) for _ in range(4)]  # type: ignore[arg-type]
    key, _ = packed([*wide, Column(np.array([0, 1, 0, 0]), (0, 1))])
    assert count(key, 2**62)[1].tolist() == [2, 1, 1]


@given(rows, rows)
def test_two_tables_are_compared_by_their_labels(first: Rows, second: Rows) -> None:
    one, two = sizes_in_both(as_columns(first), as_columns(second), quasi_identifiers=["one", "two"])
    keys = sorted({row[:2] for row in first + second}, key=lambda key: (key[0], key[1] is None, key[1] or 0))
    assert one.tolist() == [sum(row[:2] == key for row in first) for key in keys]
    assert two.tolist() == [sum(row[:2] == key for row in second) for key in keys]


def test_tables_are_aligned_by_label_and_not_by_code() -> None:
    one, two = aligned(encode({"a": ["x", "z"]}), encode({"a": ["y", "z"]}), columns=["a"])
    assert one.columns["a"].labels == two.columns["a"].labels == ("x", "y", "z")
    assert (one.columns["a"].codes.tolist(), two.columns["a"].codes.tolist()) == ([0, 2], [1, 2])


def test_a_column_cannot_be_sensitive_and_known() -> None:
    with pytest.raises(InvalidParameter, match="'a'"):
        classes_of({"a": [1]}, quasi_identifiers=["a"], sensitive="a")
    with pytest.raises(InvalidParameter, match="needs a sensitive column"):
        classes_of({"a": [1]}, quasi_identifiers=["a"]).cells()
