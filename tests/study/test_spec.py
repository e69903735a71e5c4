"""Wrong input gets one clear sentence with its place, exit code 2, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from privet.core.errors import SpecError
from privet.study.price import bill
from privet.study.record import Record, finished_steps
from privet.study.spec import load
from privet.study.steps import plan_study
from privet.study.tables import column_names, read_table
from privet.study.template import write_template

from .small import POLICY, STUDY, without, write_small

pytest.importorskip("pandas")

WRONG = [
    ('name = "small"', 'name = "small"\ncolour = "red"', r"\[study\] colour is not a key of a study"),
    ("[evaluate]\nepsilon = 0.5", "[evaluate]\nepsilon = 0.5\n[extra]", r"\[extra\] is not a key"),
    ('account = "people"\n', "", r"\[budget\] account is missing"),
    ("epsilon = 4.0", "epsilon = -1", r"\[budget\] epsilon: .*greater than 0"),
    ("epsilon = 4.0", 'epsilon = "much"', r"\[budget\] epsilon"),
    ("delta = 1e-5", "delta = 2", r"\[budget\] delta: .*less than 1"),
    ("delta = 1e-5", "delta = 0", r"needs a delta above 0"),
    ("people.csv", "none.csv", r"\[data\] source: there is no file"),
    ("people.csv", "people.xlsx", r"there is no file"),
    ("expected_units = 600", "expected_units = 3", r"\[data\] expected_units"),
    ("[data.schema.age]", "[data.schema.aeg]", r"\[data.schema.aeg\]: the data have no column 'aeg'; they have: email"),
    ('kind = "number"\nbounds = [0, 100]', 'kind = "number"', r"a number needs bounds"),
    ('values = ["f", "m"]', "values = []", r"a category needs values"),
    ("bounds = [0, 100]", "bounds = [100, 0]", r"the lower first"),
    ('kind = "category"', 'kind = "kind"', r"'number', 'category' or 'flag'"),
    ('unit = "row"\nunit_name = "visit"', 'unit = "patient"', r"\[data\] unit: the data have no column 'patient'"),
    ('unit = "row"\n', 'unit = "row"\nmax_rows_per_unit = 2\n', r"max_rows_per_unit needs a unit column"),
    (
        'quasi_identifiers = ["age", "sex"]',
        'quasi_identifiers = ["shoe"]',
        r"quasi_identifiers: the data have no",
    ),
    ('target = "visits"', 'target = "visit"', r"\[train\] names column 'visit', which has no"),
    ('target = "visits"', 'target = "visits"\nfeatures = ["visits"]', r"is also a feature"),
    ("steps = 10", "steps = 0", r"\[train\] steps"),
    ("steps = 10", 'mode = "both"', r"\[train\] mode"),
    ("steps = 10", 'model = "network"', r"trained in one place"),
    ("steps = 10", "hidden = [8]", r'hidden is for model = "network"'),
    ("steps = 10", "hidden = []", r"\[train\] hidden"),
    ("sites = 3", "sites = 1", r"\[federated\] sites"),
    ("sites = 3", 'sites = 3\nstrategy = "fed_magic"', r"\[federated\] strategy: .*fed_avg"),
    ("laboratory = true", 'laboratory = true\nattacks = ["guess"]', r"\[audit\] attacks: .*loss_threshold"),
    ("allow_no_guarantee = true", "allow_no_guarantee = false", r"laboratory figures have no guarantee"),
    ('policy = "policy.toml"', 'policy = "none.toml"', r"\[protect\] policy: there is no file"),
    ('table = "safe.csv"', 'table = "no/safe.csv"', r"\[protect\] table: there is no folder"),
    ("epsilon = 4.0\ndelta", "epsilon = 4.0\nrelation = 'sometimes'\ndelta", r"\[budget\] relation"),
    ("epsilon = 4.0\ndelta", "epsilon = 4.0\nrelation = 'replace-one'\ndelta", r"add-or-remove"),
    ('name = "small"', 'name = "a/b"', r"\[study\] name"),
    ("[study]", "[study", r"this is not TOML"),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG, ids=[new[:40] for _, new, _ in WRONG])
def test_wrong_studies_are_refused_in_one_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in STUDY
    file = write_small(tmp_path, study=STUDY.replace(old, new, 1))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(Exception, match=words) as caught:
        plan_study(file)
    assert "\n" not in str(caught.value).strip()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_mode_without_its_section(tmp_path: Path) -> None:
    text = without("federated").replace("steps = 10", 'mode = "federated"')
    with pytest.raises(SpecError, match=r"no \[federated\] section"):
        plan_study(write_small(tmp_path, study=text))


def test_several_problems_are_counted(tmp_path: Path) -> None:
    text = STUDY.replace("epsilon = 4.0", "epsilon = -1").replace("sites = 3", "sites = 1")
    with pytest.raises(SpecError, match=r"\(1 more after this one\)"):
        plan_study(write_small(tmp_path, study=text))


def test_a_policy_that_changes_what_is_trained_on(tmp_path: Path) -> None:
    policy = POLICY + '[columns.age]\noperator = "drop"\n'
    with pytest.raises(SpecError, match="'age' is trained on"):
        plan_study(write_small(tmp_path, policy=policy))


def test_a_policy_may_look_at_what_is_trained_on_but_not_blank_it(tmp_path: Path) -> None:
    step = '[[together]]\noperator = "suppress_rare"\ncolumns = ["age", "email"]\nk = 3\n'
    with pytest.raises(SpecError, match="'age' is trained on"):
        plan_study(write_small(tmp_path, policy=POLICY + step))
    assert plan_study(write_small(tmp_path, policy=POLICY + step + 'blank = ["email"]\n')).policy is not None
    for blank in ('"email"', '["sex"]', "[1]"):
        with pytest.raises(SpecError, match="blank"):
            plan_study(write_small(tmp_path, policy=POLICY + step + f"blank = {blank}\n"))


def test_a_secret_that_others_know_is_none(tmp_path: Path) -> None:
    text = STUDY.replace('quasi_identifiers = ["age", "sex"]', 'quasi_identifiers = ["age"]\nsensitive = "age"')
    with pytest.raises(SpecError, match="also a quasi-identifier"):
        plan_study(write_small(tmp_path, study=text))


@pytest.mark.parametrize("content", ["", "\n", "a,,b\n1,2,3\n"])
def test_data_without_a_header(tmp_path: Path, content: str) -> None:
    file = write_small(tmp_path)
    (tmp_path / "people.csv").write_text(content, encoding="utf-8")
    with pytest.raises(SpecError, match="must name every column"):
        plan_study(file)


def test_planning_and_pricing_read_the_header_alone(tmp_path: Path) -> None:
    """With no row in the file everything up to the run works: the price cannot depend on the data."""
    file = write_small(tmp_path)
    full = bill(plan_study(file))
    (tmp_path / "people.csv").write_text("email,age,sex,visits\n", encoding="utf-8")
    assert bill(plan_study(file)) == full
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "policy.toml", "study.toml"]


def test_the_bill_adds_up(tmp_path: Path) -> None:
    priced = bill(plan_study(write_small(tmp_path)))
    assert [line.epsilon for line in priced.lines if line.epsilon is not None] == pytest.approx(
        [1, 1, 0.5, 0.5], rel=1e-6
    )
    assert priced.fits
    assert priced.spent_before == 0
    assert priced.spent_after <= 3 + 1e-6


def test_numbers_are_read_as_they_are_written(tmp_path: Path) -> None:
    from fractions import Fraction

    spec = load(write_small(tmp_path, study=STUDY.replace("epsilon = 4.0", "epsilon = 4.1"))).spec
    assert spec.budget.epsilon == Fraction(41, 10)
    assert spec.budget.delta == Fraction(1, 100_000)


def test_template_of_a_file_checks_once_it_is_filled_in(tmp_path: Path) -> None:
    write_small(tmp_path)
    file = tmp_path / "new.toml"
    write_template(file, source=tmp_path / "people.csv")
    text = file.read_text(encoding="utf-8")
    for name in ("email", "age", "sex", "visits"):
        assert f'[data.schema."{name}"]' in text
    with pytest.raises(SpecError, match=r"'number', 'category' or 'flag' \(it is '\?'\)"):
        plan_study(file)
    file.write_text(text.replace('kind = "?"', 'kind = "number"\nbounds = [0, 100]'), encoding="utf-8")
    planned = plan_study(file)
    assert planned.spec.train.target == "visits"
    with pytest.raises(Exception, match="exists already"):
        write_template(file, source=None)


def test_a_record_whose_first_line_was_cut_short_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "record.jsonl").write_bytes(b'{"kind": "beg')
    assert finished_steps(tmp_path, digest="d") == frozenset()
    with Record(tmp_path, digest="d", study="s").open() as record:
        record.finish("one", seconds=1, result={"a": 1}, receipts=[])
    assert finished_steps(tmp_path, digest="d") == {"one"}
    with pytest.raises(SpecError, match="has changed"):
        finished_steps(tmp_path, digest="e")


BROKEN = {
    "latin1": (b"name,age\nJos\xe9,30\n" * 2000, "ragged.csv", "is not UTF-8"),
    "latin1 header": (b"Jos\xe9,age\nx,30\n", "h.csv", "is not UTF-8"),
    "other separator": (b"name;age\nA;30\n", "s.csv", "separated by ';'"),
    "same name twice": (b"age,age\n1,2\n", "t.csv", "two columns named 'age'"),
    "too many cells": (b"age,ill\n1,0\n2,1,secret,9\n", "r.csv", "is broken"),
    "open quote": (b'age,ill\n1,0\n"2,secret\n', "q.csv", "is broken"),
    "no parquet": (b"not parquet at all", "p.parquet", "is broken|cannot be read"),
    "no gzip": (b"not gzip", "z.csv.gz", "cannot be read"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_told_of_without_a_cell(tmp_path: Path, kind: str) -> None:
    content, name, words = BROKEN[kind]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SpecError, match=words) as caught:
        column_names(path)
        read_table(path)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_and_spaces_in_the_header_are_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "bom.csv"
    path.write_bytes(b"\xef\xbb\xbfage , ill\n007,1\n")
    assert column_names(path) == ("age", "ill")
    table = read_table(path)
    assert table.columns.tolist() == ["age", "ill"]
    assert table["age"].tolist() == ["007"]
