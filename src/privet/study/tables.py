"""Files with tables: their header without a row, and their rows; what cannot be read is told without any cell."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.core.errors import MissingDependency, PrivetError, SpecError

if TYPE_CHECKING:
    import pandas as pd

CSV = (".csv", ".csv.gz", ".txt")
PARQUET = (".parquet", ".pq")
OTHER_SEPARATORS = (";", "\t", "|")


def column_names(path: Path) -> tuple[str, ...]:
    """The names of a table's columns. Reads the header and no row.

    Errors: SpecError if the file is missing, empty, broken or of a kind that is not read.
    """
    if not path.is_file():
        raise SpecError(f"there is no file {path}; give the path of a CSV or Parquet file")
    if path.name.endswith(PARQUET):
        with _reading(path):
            names = [str(name) for name in _parquet().read_schema(path).names]
    elif path.name.endswith(CSV):
        with _reading(path), _open_text(path) as lines:
            names = [name.strip() for name in next(csv.reader(lines), [])]
    else:
        raise SpecError(f"{path.name} is neither CSV ({', '.join(CSV)}) nor Parquet; convert it")
    _check_header(path, names)
    return tuple(names)


def read_table(path: Path) -> pd.DataFrame:
    """Every row of a table. CSV cells stay text, so that a postcode keeps its leading zero.

    Errors: SpecError if the file is broken; its message holds no cell.
    """
    pandas = _pandas()
    table: pd.DataFrame
    with _reading(path):
        if path.name.endswith(PARQUET):
            table = pandas.read_parquet(path)
        else:
            table = pandas.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig")
            table.columns = [name.strip() for name in table.columns]
    return table


def _check_header(path: Path, names: list[str]) -> None:
    if not names or any(not name for name in names):
        raise SpecError(f"the first line of {path.name} must name every column")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecError(f"{path.name} has two columns named {twice[0]!r}; rename one")
    separators = [text for text in OTHER_SEPARATORS if text in names[0]]
    if len(names) == 1 and separators:
        raise SpecError(
            f"the columns of {path.name} seem to be separated by {separators[0]!r}; write the file with commas"
        )


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever a reader says into one sentence; its own words may hold cells, so they are left out."""
    try:
        yield
    except PrivetError:
        raise
    except UnicodeDecodeError:
        raise SpecError(
            f"{path.name} is not UTF-8 text; convert it, for example with: iconv -f latin1 -t utf-8"
        ) from None
    except OSError as error:
        reason = error.strerror or "it is broken"
        raise SpecError(f"{path.name} cannot be read ({reason}); give another file") from None
    except Exception as error:
        raise SpecError(
            f"{path.name} is broken ({type(error).__name__}); check that every row has as many cells as "
            "the header, and that quotes are closed"
        ) from None


def _open_text(path: Path) -> Any:
    if path.name.endswith(".gz"):
        import gzip

        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise MissingDependency(
            "a study reads its table with pandas; install it with: pip install privet[data]"
        ) from None
    return pandas


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingDependency("Parquet needs pyarrow; install it with: pip install privet[data]") from None
    return pyarrow.parquet
