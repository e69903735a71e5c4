"""Combinations with counts give the figures that the rows give, whoever counted them."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from privet.core.errors import InvalidParameter, MissingDependency
from privet.deidentify.anonymity import anonymity_of
from privet.deidentify.attackers import attacker_risks
from privet.deidentify.codes import Coded, encode
from privet.deidentify.combinations import LARGE, DatabaseTable, combinations_of, is_large, opened
from privet.deidentify.discovery import discover
from privet.deidentify.hierarchies import Suppression
from privet.deidentify.linkage import link
from privet.deidentify.models.k_anonymity import class_sizes
from privet.deidentify.risk import reidentification_risk
from privet.deidentify.search.full_domain import best_full_domain
from privet.deidentify.search.mondrian import mondrian
from privet.deidentify.search.utility import utility_of
from privet.deidentify.special_uniques import special_uniques
from privet.noise.simulation import generator
from tests.deidentify.tables import Rows, as_columns, rows

ibis = pytest.importorskip("ibis", reason='Ibis is not installed; pip install "privet[ibis]"')
pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")
SCHEMA = pyarrow.schema([("one", pyarrow.string()), ("two", pyarrow.int64()), ("ill", pyarrow.int64())])
QUASI = ("one", "two")


def counted(found: Rows) -> Coded:
    """The distinct rows of a table and their counts, by the plain definition."""
    counter = Counter(found)
    table = encode(as_columns(list(counter)))
    return Coded(len(found), table.columns, np.array(list(counter.values())))


def figures(table: Any) -> list[Any]:
    known = {"quasi_identifiers": QUASI}
    return [
        sorted(class_sizes(table, **known).tolist()), anonymity_of(table, **known, sensitive="ill"),
        anonymity_of(table, **known, sensitive="ill", ordered=True), attacker_risks(table, **known),
        attacker_risks(table, **known, population=as_columns([("a", 1, 10)] * 5 + [("b", 2, 10)])),
        reidentification_risk(table, **known), discover(table, columns=(*QUASI, "ill"), samples=()),
        special_uniques(table, columns=(*QUASI, "ill"), largest=3).special,
    ]  # fmt: skip


@settings(deadline=None)
@given(rows)
def test_combinations_give_the_figures_of_the_rows(found: Rows) -> None:
    assert figures(counted(found)) == figures(as_columns(found))


@settings(deadline=None)
@given(rows, rows)
def test_an_attack_on_combinations_finds_as_many(found: Rows, known: Rows) -> None:
    plain = link(as_columns(known), as_columns(found), on=QUASI, truth="ill", tolerate=1)
    assert link(counted(known), counted(found), on=QUASI, truth="ill", tolerate=1).to_json() == plain.to_json()


@settings(deadline=None, max_examples=30)
@given(rows)
def test_searches_on_combinations_find_the_same(found: Rows) -> None:
    hierarchies = {name: Suppression() for name in QUASI}
    plain, coded = as_columns(found), counted(found)
    best = best_full_domain(plain, hierarchies=hierarchies, k=2, suppress=1.0)
    assert best_full_domain(coded, hierarchies=hierarchies, k=2, suppress=1.0) == best
    given_ = {"levels": best.levels, "hierarchies": hierarchies, "k": 2}
    assert utility_of(coded, **given_).to_json() == pytest.approx(utility_of(plain, **given_).to_json())
    if len(found) >= 2:
        parts = [sorted(mondrian(table, columns=QUASI, k=2).sizes.tolist()) for table in (plain, coded)]
        assert parts[0] == parts[1]


@settings(deadline=None, max_examples=15)
@given(rows)
def test_duckdb_counts_what_the_rows_say(found: Rows) -> None:
    table = ibis.memtable(pyarrow.table(as_columns(found), schema=SCHEMA))
    coded = combinations_of(table, columns=["two", "one", "ill"])
    cells = [[column.labels[code] for code in column.codes] for column in coded.columns.values()]
    assert coded.counts is not None
    seen = dict(zip(zip(*cells, strict=True), coded.counts.tolist(), strict=True))
    assert seen == Counter((two, one, ill) for one, two, ill in found)
    assert figures(DatabaseTable(table)) == figures(as_columns(found))


# What CSV can do to a cell, and what must come back.
CELLS = ["x, y", "multi\nline", "", 'say "hi"', "身", "007", "NULL", "nan", " padded "]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    chance = generator(3)
    table = pandas.DataFrame({f"c{i}": chance.choice(CELLS, 500) for i in range(3)})
    table.to_csv(path, index=False, encoding="utf-8-sig")
    return path


def test_a_file_counted_by_duckdb_is_the_file_that_is_read(people: Path) -> None:
    frame = pandas.read_csv(people, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig")
    for suffix in (".csv", ".csv.gz", ".parquet"):
        path = people.with_name(f"again{suffix}")
        frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
        with opened(path) as table:
            coded = encode(table, columns=["c0", "c2"])
        plain = encode(frame, columns=["c0", "c2"])
        assert {name: column.labels for name, column in coded.columns.items()} == {
            name: column.labels for name, column in plain.columns.items()
        }
        assert coded.rows == 500
        assert coded.entries == len(frame.drop_duplicates(["c0", "c2"]))
        assert sorted(class_sizes(coded, quasi_identifiers=["c2", "c0"])) == sorted(
            class_sizes(plain, quasi_identifiers=["c2", "c0"])
        )


def test_a_sample_of_combinations_is_one_of_rows() -> None:
    coded = Coded(6, encode({"a": ["x", "y", "z"]}).columns, np.array([3, 1, 2]))
    assert coded.take(np.array([0, 2, 3, 5])).columns["a"].codes.tolist() == [0, 0, 1, 2]
    assert coded.each_row().columns["a"].codes.tolist() == [0, 0, 0, 1, 2, 2]


def test_a_broken_file_is_told_without_its_cells(tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    path.write_text("a,b\nsecret,1\nsecret\n", encoding="utf-8")
    with pytest.raises(InvalidParameter, match="could not be counted") as caught, opened(path) as table:
        table.combinations(["a"])
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(InvalidParameter, match="engine"), opened(path, engine="abacus"):
        pass
    with pytest.raises(InvalidParameter, match="'c'"):
        combinations_of(ibis.memtable(pyarrow.table({"a": [1]})), columns=["c"])


def test_without_ibis_the_extra_is_named(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ibis", None)
    for engine, extra in (("duckdb", "ibis"), ("spark", "spark")):
        with pytest.raises(MissingDependency, match=rf"privet\[{extra}\]"), opened(people, engine=engine):
            pass


def test_large_files_are_told_by_their_size_on_disk(tmp_path: Path) -> None:
    for name, kind in (("a.csv", "csv"), ("a.csv.gz", "parquet"), ("a.parquet", "parquet")):
        with (tmp_path / name).open("wb") as file:
            file.truncate(LARGE[kind])
            assert not is_large(tmp_path / name)
            file.truncate(LARGE[kind] + 1)
            assert is_large(tmp_path / name)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql", reason='pyspark is not installed; pip install "privet[spark]"')
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java; install a JRE of version 17 or newer")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    yield session
    session.stop()


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore")
def test_spark_counts_what_duckdb_counts(spark: Any, people: Path) -> None:
    found = []
    for engine in ("duckdb", "spark"):
        with opened(people, engine=engine) as table:
            coded = table.combinations(["c1", "c0"])
        order = np.lexsort([column.codes for column in coded.columns.values()])
        columns = [(column.labels, column.codes[order].tolist()) for column in coded.columns.values()]
        found.append((columns, coded.counts[order].tolist()))
    assert found[0] == found[1]
