"""What a study takes from its table: whose each row is, on which side, at which site, and what it says."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import SpecError
from privet.study.spec import ROW, StudyFile, StudySpec
from privet.study.tables import column_names

if TYPE_CHECKING:
    import pandas as pd


def check_columns(study: StudyFile) -> tuple[str, ...]:
    """Compare the study with the header of its data.

    Errors: SpecError naming the column, the place in the file and the columns there are.
    """
    try:
        names = column_names(study.path(study.spec.data.source))
    except SpecError as error:
        raise SpecError(f"[data] source: {error}") from None
    for place, wanted in _wanted(study.spec):
        if wanted not in names:
            raise SpecError(f"{place}: the data have no column {wanted!r}; they have: {', '.join(names)}")
    return names


def _wanted(spec: StudySpec) -> list[tuple[str, str]]:
    wanted = [(f"[data.schema.{name}]", name) for name in spec.data.columns]
    if spec.data.unit != ROW:
        wanted.append(("[data] unit", spec.data.unit))
    if spec.protect is not None:
        wanted += [("[protect] quasi_identifiers", name) for name in spec.protect.quasi_identifiers]
        wanted += [("[protect] sensitive", spec.protect.sensitive)] if spec.protect.sensitive is not None else []
    return wanted


def unit_codes(table: pd.DataFrame, spec: StudySpec) -> NDArray[np.int64]:
    """A number for each row's unit: equal for rows of one unit."""
    if spec.data.unit == ROW:
        return np.arange(len(table), dtype=np.int64)
    import pandas

    codes, _ = pandas.factorize(table[spec.data.unit].astype(str))
    return np.asarray(codes, dtype=np.int64)


def bound_contributions(table: pd.DataFrame, spec: StudySpec) -> pd.DataFrame:
    """Keep at most ``max_rows_per_unit`` rows of each unit: the first ones, whatever the other units hold."""
    if spec.data.unit == ROW:
        return table
    rank = table.groupby(spec.data.unit, sort=False).cumcount()
    return table[rank < spec.data.max_rows_per_unit].reset_index(drop=True)


def held_out(table: pd.DataFrame, spec: StudySpec) -> NDArray[np.bool_]:
    """Which rows are kept for evaluation.

    A unit's place depends on a hash of its own key or row and on the study's name alone, so that adding a unit
    never moves another from one side to the other.
    """
    keys = _unit_keys(table, spec)
    share = int(spec.train.held_out * 2**32)
    salt = f"held-out {spec.study.name}".encode()
    drawn = [int.from_bytes(hashlib.blake2b(key, digest_size=4, salt=_salt(salt)).digest(), "big") for key in keys]
    return np.asarray([value < share for value in drawn], dtype=np.bool_)


def site_of(table: pd.DataFrame, spec: StudySpec, *, sites: int) -> NDArray[np.int64]:
    """Which simulated site holds each row: by a hash of the unit, so that no unit ever moves another."""
    salt = f"sites {spec.study.name}".encode()
    drawn = [
        int.from_bytes(hashlib.blake2b(key, digest_size=8, salt=_salt(salt)).digest(), "big") % sites
        for key in _unit_keys(table, spec)
    ]
    return np.asarray(drawn, dtype=np.int64)


def _salt(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()


def _unit_keys(table: pd.DataFrame, spec: StudySpec) -> list[bytes]:
    if spec.data.unit != ROW:
        return [str(value).encode() for value in table[spec.data.unit]]
    columns = [table[name].astype(str) for name in table.columns]
    return ["\x1f".join(row).encode() for row in zip(*columns, strict=True)]


def target_of(table: pd.DataFrame, spec: StudySpec) -> NDArray[np.int64]:
    """1 where the target is above the public threshold, else 0; a value that is not a number counts as 0."""
    values = _numbers(table, spec.train.target)
    return np.asarray(np.nan_to_num(values, nan=-np.inf) > spec.train.positive_above, dtype=np.int64)


def feature_columns(table: pd.DataFrame, spec: StudySpec) -> dict[str, NDArray[Any]]:
    """The feature columns as plain arrays: floats for numbers and flags, text for categories."""
    columns: dict[str, NDArray[Any]] = {}
    for name in spec.features:
        if spec.data.columns[name].kind == "category":
            columns[name] = _categories(table, name, spec.data.columns[name].values or ())
        else:
            columns[name] = _numbers(table, name)
    return columns


def _categories(table: pd.DataFrame, name: str, values: tuple[str, ...]) -> NDArray[Any]:
    """A column as text. Errors: SpecError if no cell is one of the values; told as ``_numbers`` tells."""
    text = table[name].astype(str)
    if len(text) and not text.isin(values).any():
        raise SpecError(f"[data.schema.{name}] names values, but no cell of column {name!r} is one; correct them")
    return np.asarray(text.to_numpy(dtype=object))


def _numbers(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A column as floats, NaN for what is no number.

    Errors: SpecError if there is no number at all: then the study names a column of another kind. That is told to
    whoever runs the study, as it is told whether the file can be read; decision 011.
    """
    import pandas

    numbers = pandas.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    if len(numbers) and np.isnan(numbers).all():
        raise SpecError(
            f"[data.schema.{name}] says that column {name!r} holds numbers, but no cell of it is one; correct its kind"
        )
    return np.asarray(numbers, dtype=np.float64)
