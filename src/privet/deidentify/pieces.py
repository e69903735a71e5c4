"""Files of tables, piece by piece: CSV and Parquet in, CSV and Parquet out, none of them whole in memory."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from privet.core.errors import InvalidParameter, PrivetError
from privet.deidentify.tables import arrow

CSV: Final = (".csv", ".csv.gz", ".txt")
PARQUET: Final = (".parquet", ".pq")
# Large enough that the work of a piece outweighs its overhead; Arrow reads up to 32 such pieces of CSV ahead.
PIECE_BYTES: Final = 1 << 21
PIECE_ROWS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to be read as often as need be. CSV cells are text, so that a postcode keeps its leading zero.

    Errors: InvalidParameter if it is missing, broken or of another kind; no message holds a cell.
    """

    path: Path

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise InvalidParameter(f"there is no file {self.path}; give the path of a CSV or Parquet file")
        kind_of(self.path)

    def schema(self) -> Any:
        """Names and types of the columns; reads no row of Parquet and no more than the first piece of CSV."""
        with _reading(self.path):
            if kind_of(self.path) == "parquet":
                return _parquet().ParquetFile(self.path).schema_arrow
            pa = arrow()
            return pa.schema([(name, pa.string()) for name in self._header()])

    def pieces(self, *, columns: list[str] | None = None) -> Iterator[Any]:
        """The rows as Arrow tables, in their order; only the named columns where some are named."""
        with _reading(self.path):
            yield from self._parquet(columns) if kind_of(self.path) == "parquet" else self._csv(columns)

    def _parquet(self, columns: list[str] | None) -> Iterator[Any]:
        with _parquet().ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=PIECE_ROWS, columns=columns):
                yield arrow().Table.from_batches([batch])

    def _csv(self, columns: list[str] | None) -> Iterator[Any]:
        pa, names = arrow(), self._header()
        from pyarrow import csv as arrow_csv

        read = arrow_csv.ReadOptions(block_size=PIECE_BYTES, column_names=names, skip_rows=1, use_threads=False)
        parse = arrow_csv.ParseOptions(newlines_in_values=True)
        convert = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True,
            include_columns=columns or names,
        )  # fmt: skip
        if self._has_rows_and_closed_quotes():
            with arrow_csv.open_csv(self.path, read_options=read, parse_options=parse, convert_options=convert) as file:
                for batch in file:
                    yield pa.Table.from_batches([batch])

    def _header(self) -> list[str]:
        with self._text() as lines:
            names = [name.strip() for name in next(csv.reader(lines), [])]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names or not all(names) or twice:
            raise InvalidParameter(
                f"the first line of {self.path.name} must name every column, each once, with commas between"
            )
        return names

    def _has_rows_and_closed_quotes(self) -> bool:
        """Whether more than a header is there. A quote that is never closed makes one cell of all that follows."""
        quotes, rows = 0, False
        with self._bytes() as octets:
            rows = bool(octets.readline()) and bool(octets.peek(1))
            octets.seek(0)
            while block := octets.read(1 << 20):
                quotes += block.count(b'"')
        if quotes % 2:
            raise InvalidParameter(f"{self.path.name} is broken: a quote is opened and never closed; close it")
        return rows

    def _text(self) -> Any:
        return io.TextIOWrapper(self._bytes(), encoding="utf-8-sig", newline="")

    def _bytes(self) -> Any:
        return gzip.GzipFile(self.path) if self.path.name.endswith(".gz") else self.path.open("rb")


class Sink:
    """Where treated pieces go: a stream of CSV or Parquet, whose digest and rows are counted on the way."""

    def __init__(self, stream: BinaryIO, *, path: Path, schema: Any) -> None:
        self._stream, self._schema = _Digesting(stream), schema
        self._gzip = gzip.GzipFile(fileobj=self._stream, mode="wb", mtime=0) if path.name.endswith(".gz") else None
        self.rows = 0
        self._parquet: Any = None
        if kind_of(path) == "parquet":
            out = arrow().PythonFile(self._stream, mode="w")
            self._parquet = _parquet().ParquetWriter(out, schema, compression="zstd")
        else:
            self._write(_line(schema.names))

    def write(self, table: Any) -> None:
        """The next rows, of the schema that was stated."""
        self.rows += table.num_rows
        if self._parquet is not None:
            self._parquet.write_table(table.cast(self._schema))
        elif table.num_rows:
            self._write(_csv_of(table))

    def close(self) -> str:
        """End the stream; its SHA-256. The stream below stays open."""
        for part in filter(None, (self._parquet, self._gzip)):
            part.close()
        return self._stream.digest.hexdigest()

    def _write(self, content: bytes) -> None:
        (self._gzip or self._stream).write(content)


class _Digesting(io.RawIOBase):
    """A stream that counts and digests what it passes on."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream, self._place = stream, 0
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        octets = bytes(content)
        self.digest.update(octets)
        self._stream.write(octets)
        self._place += len(octets)
        return len(octets)

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        """Nothing: whoever opened the stream below closes it."""


def kind_of(path: Path) -> str:
    """What a file's name says it is. Errors: InvalidParameter if neither CSV nor Parquet."""
    if path.name.endswith(PARQUET):
        return "parquet"
    if path.name.endswith(CSV):
        return "csv"
    raise InvalidParameter(f"{path.name} is neither CSV ({', '.join(CSV)}) nor Parquet ({', '.join(PARQUET)})")


def _csv_of(table: Any) -> bytes:
    """Rows as CSV, quoted where a piece needs it."""
    if table.num_columns == 1:
        # An empty line would be no row.
        pa = arrow()
        filled = table.column(0).cast(pa.string()).fill_null("")
        return _written(pa.table({table.column_names[0]: filled}), "needed")
    try:
        return _written(table, "none")
    except arrow().ArrowInvalid:
        return _written(table, "needed")


def _written(table: Any, quoting: str) -> bytes:
    from pyarrow import csv as arrow_csv

    sink = io.BytesIO()
    arrow_csv.write_csv(table, sink, arrow_csv.WriteOptions(include_header=False, quoting_style=quoting))
    return sink.getvalue()


def _line(names: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().encode()


def _parquet() -> Any:
    arrow()
    import pyarrow.parquet

    return pyarrow.parquet


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what a reader says into one sentence; its own words may hold cells, so they are left out."""
    pa = arrow()
    try:
        yield
    except PrivetError:
        raise
    except UnicodeDecodeError:
        raise InvalidParameter(f"{path.name} is not UTF-8 text; convert it: iconv -f latin1 -t utf-8") from None
    except (pa.ArrowException, csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise InvalidParameter(
            f"{path.name} is broken ({type(error).__name__}); check that it is UTF-8, that every row has as many cells "
            "as the header, and that quotes are closed"
        ) from None
