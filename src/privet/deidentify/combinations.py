"""Tables that do not fit in memory: a database counts the distinct combinations, and only these are coded.

One group-by reads the table; what follows (models, attackers, discovery, estimates) counts the combinations as often as
they occur, and gives the same figures as the rows would.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter, MissingDependency, PrivetError
from privet.deidentify.codes import Coded, Column, codes_of_arrow, in_order
from privet.deidentify.pieces import SourceFile, kind_of
from privet.deidentify.tables import frame_of

# Files above this are counted by the database: text of a CSV grows about threefold in memory, Parquet tenfold or more.
LARGE: Final[Mapping[str, int]] = {"csv": 250_000_000, "parquet": 50_000_000}
_COUNT = "privet_count"
_PIECE_ROWS = 1 << 20


def is_large(path: Path) -> bool:
    """Whether a file is rather counted by a database than read into memory: CSV above 250 MB, packed or Parquet 50."""
    packed = kind_of(path) == "parquet" or path.name.endswith(".gz")
    return path.stat().st_size > LARGE["parquet" if packed else "csv"]


@dataclass(frozen=True, slots=True)
class DatabaseTable:
    """An Ibis table, of whatever database: everything that measures a table takes it, and counts its combinations.

    Guarantee: the same figures as of the rows.

    >>> import ibis, pyarrow
    >>> from privet.deidentify.anonymity import anonymity_of
    >>> people = ibis.memtable(pyarrow.table({"sex": ["f", "m", "f", "m"], "age": [30, 40, 30, 40]}))
    >>> anonymity_of(DatabaseTable(people), quasi_identifiers=["sex", "age"]).k
    2
    """

    table: Any

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.table.columns)

    def combinations(self, columns: Sequence[str] | None = None) -> Coded:
        """What ``encode`` asks for."""
        return combinations_of(self.table, columns=columns)


def combinations_of(table: Any, *, columns: Sequence[str] | None = None) -> Coded:
    """The distinct combinations of some columns of an Ibis table, and how many rows each has.

    Memory holds the codes of the combinations and the distinct values of each column, and no row as such; where nearly
    every row is a combination of its own, that is some bytes for each row and column.
    Errors: InvalidParameter if no column is named, one is not there or the database fails (without its words, which may
    hold cells).

    >>> import ibis, pyarrow
    >>> people = ibis.memtable(pyarrow.table({"sex": ["f", "m", "f"], "age": [30, 40, 30]}))
    >>> found = combinations_of(people, columns=["sex", "age"])
    >>> found.rows, found.entries, sorted(found.counts.tolist())
    (3, 2, [1, 2])
    """
    names = list(table.columns if columns is None else columns)
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InvalidParameter(f"the table has no column {missing[0]!r}; it has: {', '.join(table.columns)}")
    if not names:
        raise InvalidParameter("no quasi-identifier is named; give at least one column")
    counted = table.group_by(names).aggregate(**{_COUNT: table.count()})
    growing = {name: _Growing() for name in names}
    counts = [np.zeros(0, dtype=np.int64)]
    with _quiet():
        for batch in _batches(counted):
            counts.append(batch.column(_COUNT).to_numpy(zero_copy_only=False).astype(np.int64))
            for name, column in growing.items():
                column.add(batch.column(name))
    times = np.concatenate(counts)
    return Coded(int(times.sum()), {name: column.column() for name, column in growing.items()}, times)


def first_cells(path: Path, *, filled: int = 20_000) -> Any:
    """The first filled cells of each column as a pandas frame, for whoever judges a column by as many.

    Reads no further than is needed. Columns that have fewer are filled up with missing cells.
    """
    import pandas

    file = SourceFile(path)
    cells: dict[str, list[Any]] = {name: [] for name in file.schema().names}
    for piece in file.pieces():
        frame = frame_of(piece)
        for name, seen in cells.items():
            seen += frame[name].dropna().head(filled - len(seen)).tolist()
        if all(len(seen) >= filled for seen in cells.values()):
            break
    return pandas.DataFrame({name: pandas.Series(seen, dtype=object) for name, seen in cells.items()})


@contextlib.contextmanager
def opened(path: Path, *, engine: str = "duckdb") -> Iterator[DatabaseTable]:
    """A CSV or Parquet file as a table of DuckDB or, for a cluster, Spark; CSV cells are text.

    What the database must put on disk lies in a folder that only its owner can read and that is removed at the end.
    Errors: MissingDependency without Ibis or the engine; InvalidParameter if the file is broken.
    """
    engines = {"duckdb": _duckdb, "spark": _spark}
    if engine not in engines:
        raise InvalidParameter(f"engine is {engine!r}; give one of {', '.join(engines)}")
    names = SourceFile(path).schema().names
    with tempfile.TemporaryDirectory(prefix="privet-") as folder, _quiet(path.name):
        table = engines[engine](path, names, folder)
        try:
            yield DatabaseTable(table)
        finally:
            if engine == "duckdb":  # a Spark session is its owner's
                table.get_backend().disconnect()


class Tally:
    """Counts the combinations of some columns of a table that comes in pieces; columns it lacks are left out."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = {name: _Growing() for name in columns}
        self._counts = [np.zeros(0, dtype=np.int64)]

    def add(self, piece: Any) -> None:
        """The next rows, as an Arrow table. A combination that an earlier piece had is counted anew beside it."""
        there = [name for name in self._columns if name in piece.column_names]
        self._columns = {name: self._columns[name] for name in there}
        if not there:
            self._counts.append(np.array([piece.num_rows], dtype=np.int64))
            return
        found = piece.group_by(there, use_threads=False).aggregate([([], "count_all")])
        self._counts.append(found.column("count_all").to_numpy().astype(np.int64))
        for name, column in self._columns.items():
            column.add(found.column(name))

    def coded(self) -> Coded:
        """The combinations so far."""
        counts = np.concatenate(self._counts)
        return Coded(int(counts.sum()), {name: column.column() for name, column in self._columns.items()}, counts)


def _batches(table: Any) -> Iterator[Any]:
    """The rows of an Ibis expression as Arrow batches."""
    import ibis
    from ibis.expr.operations import InMemoryTable

    database = table.get_backend()
    if database.name == "pyspark":
        from pyspark.sql import SparkSession

        # Ibis goes by way of pandas, which loses what a missing cell of a whole number is.
        return iter(SparkSession.active().sql(str(ibis.to_sql(table))).toArrow().to_batches())
    if database.name != "duckdb":
        return iter(table.to_pyarrow_batches(chunk_size=_PIECE_ROWS))
    if table.op().find(InMemoryTable):
        return iter(table.to_pyarrow().to_batches())
    # Ibis 12 asks DuckDB 2 for batches by a name that is gone, so they are asked for here.
    found = database.con.sql(str(ibis.to_sql(table)))
    reader = found.to_arrow_reader if hasattr(found, "to_arrow_reader") else found.fetch_arrow_reader
    return iter(reader(_PIECE_ROWS))


class _Growing:
    """A column whose codes come in pieces."""

    def __init__(self) -> None:
        self._place: dict[Any, int] = {}
        self._parts: list[NDArray[Any]] = [np.zeros(0, dtype=np.uint8)]

    def add(self, piece: Any) -> None:
        codes, labels = codes_of_arrow(piece)
        place = [self._place.setdefault(label, len(self._place)) for label in labels]
        kind = np.min_scalar_type(max(1, len(self._place)))
        self._parts.append(np.array(place, dtype=kind)[codes] if place else codes.astype(kind))

    def column(self) -> Column:
        return in_order(np.concatenate(self._parts), list(self._place))


def _duckdb(path: Path, names: list[str], folder: str) -> Any:
    database = _connect("duckdb")(temp_directory=folder)
    if kind_of(path) == "parquet":
        return database.read_parquet(path)
    text = dict.fromkeys(names, "VARCHAR")
    return database.read_csv(
        path, columns=text, auto_detect=False, header=True, delim=",", quote='"', escape='"', nullstr=""
    )


def _spark(path: Path, names: list[str], folder: str) -> Any:
    connect = _connect("pyspark")
    from pyspark.sql import SparkSession

    database = connect(SparkSession.builder.getOrCreate())
    if kind_of(path) == "parquet":
        return database.read_parquet(str(path))
    table = database.read_csv(
        str(path), header=True, inferSchema=False, multiLine=True, escape='"', nullValue="", mode="FAILFAST"
    )
    return table.rename(dict(zip(names, table.columns, strict=True)))


def _connect(backend: str) -> Callable[..., Any]:
    try:
        import ibis

        connect: Callable[..., Any] = getattr(ibis, backend).connect
    except (ImportError, AttributeError):
        extra = "spark" if backend == "pyspark" else "ibis"
        raise MissingDependency(
            f'tables that do not fit in memory need Ibis with {backend}; pip install "privet[{extra}]"'
        ) from None
    return connect


@contextlib.contextmanager
def _quiet(name: str = "the table") -> Iterator[None]:
    """Turn what a database says into one sentence; its own words may hold cells, so they are left out."""
    try:
        yield
    except (PrivetError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("duckdb", "_duckdb", "ibis", "pyspark", "py4j"):
            raise
        raise InvalidParameter(
            f"{name} could not be counted by the database ({type(error).__name__}); check that the file is UTF-8, that "
            "every row has as many cells as the header, and that the disk for temporary files has room"
        ) from None
