"""A draft treats every column by its role, and what it makes is k-anonymous."""

from __future__ import annotations

import datetime
import tomllib

import pytest

from privet.deidentify.anonymity import anonymity_of
from privet.deidentify.codes import encode
from privet.deidentify.column_finding import ColumnFinding
from privet.deidentify.column_words import Role
from privet.deidentify.detect import find_in_table
from privet.deidentify.policy import read_policy
from privet.deidentify.suggestion import Draft, policy_toml, suggest
from privet.deidentify.transform import apply_policy
from privet.noise.simulation import generator

pandas = pytest.importorskip("pandas")


def finding(column: str, kind: str | None, role: Role) -> ColumnFinding:
    return ColumnFinding(column, kind, kind or "none found", 1.0, 0.0, role)


def drafted(draft: Draft) -> dict[str, dict]:
    return tomllib.loads(policy_toml(draft, title="x"))


@pytest.mark.parametrize(
    ("kind", "operator"),
    [("person_name", "drop"), ("street_address", "drop"), ("free_text", "redact_text"), ("email", "pseudonymise"),
     ("key", "pseudonymise"), ("phone", "format_preserving"), ("iban", "format_preserving")],
)  # fmt: skip
def test_direct_identifiers_go_or_are_replaced(kind: str, operator: str) -> None:
    draft = suggest({"x": ["1"]}, findings=(finding("x", kind, "identifier"),))
    assert [(item.column, item.operator) for item in draft.suggestions] == [("x", operator)]
    assert draft.together == draft.quasi_identifiers == ()
    read_policy(drafted(draft))


def test_quasi_identifiers_are_made_coarser_by_what_they_are() -> None:
    chance = generator(8)
    born = [f"{1940 + int(year)}-03-{1 + int(year) % 28:02d}" for year in chance.integers(0, 60, 800)]
    table = {
        "born": born, "seen": [f"2026-{1 + int(month):02d}-01" for month in chance.integers(0, 12, 800)],
        "age": chance.integers(18, 95, 800), "code": [f"{int(n):05d}" for n in chance.integers(10000, 99999, 800)],
        "pay": chance.integers(0, 9000, 800),
        "town": chance.choice(["A", "B", "C", "D"], 800, p=[0.5, 0.3, 0.199, 0.001]),
        "sex": chance.choice(["f", "m"], 800), "word": [f"w{n}" for n in range(800)],
    }  # fmt: skip
    kinds = {"born": "birth_date", "seen": "date", "age": "age", "code": "postcode", "town": "place"}
    for name in table:
        found = (finding(name, kinds.get(name), "quasi-identifier"),)
        made = {item.column: item for item in suggest({name: table[name]}, findings=found).suggestions}
        expected = {
            "born": "age_band", "seen": "generalise_date", "age": "generalise_number", "code": "generalise_postcode",
            "pay": "generalise_number", "town": "generalise_category", "word": "drop",
        }.get(name)  # fmt: skip
        assert (made[name].operator if name in made else None) == expected, name
        assert name != "age" or (made[name].settings["lowest"], made[name].settings["highest"]) == (0, 90)
        assert name != "born" or made[name].settings["on"] == datetime.date.today().replace(month=1, day=1)
        # Rare values are in no draft: it may be shown to others sooner than the data are.
        assert name != "town" or "D" not in made[name].settings["tree"]


@pytest.mark.parametrize("rows", [6, 50, 1000])
def test_what_a_draft_makes_is_k_anonymous(rows: int) -> None:
    chance = generator(9)
    frame = pandas.DataFrame({
        "birth_date": [f"{1940 + int(n)}-01-02" for n in chance.integers(0, 60, rows)],
        "sex": chance.choice(["f", "m"], rows), "city": chance.choice(list("ABCDEFGH"), rows),
        "height": chance.integers(150, 200, rows).astype(str), "diagnosis": chance.choice(["flu", "asthma"], rows),
    })  # fmt: skip
    draft = suggest(frame, findings=find_in_table(frame))
    assert set(draft.quasi_identifiers) == {"birth_date", "sex", "city", "height"}
    made = apply_policy(frame, policy=read_policy(drafted(draft)), key=bytes(32))
    left = [name for name in draft.quasi_identifiers if name in made.columns]
    assert anonymity_of(made, quasi_identifiers=left).k >= 5
    assert made["diagnosis"].tolist() == frame["diagnosis"].tolist()


def test_the_finest_draft_is_taken_that_leaves_few_rows_rare() -> None:
    found = (finding("age", "age", "quasi-identifier"),)
    many, few = {"age": [n % 90 for n in range(9000)]}, {"age": [n * 11 % 90 for n in range(30)]}
    assert suggest(many, findings=found).suggestions[0].settings["width"] == 5
    assert suggest(few, findings=found).suggestions[0].settings["width"] == 20


def test_more_columns_than_can_be_hidden_together_lose_those_that_tell_most() -> None:
    table = {f"c{n}": [str(row % (n + 2)) for row in range(400)] for n in range(15)}
    findings = tuple(finding(name, None, "quasi-identifier") for name in table)
    draft = suggest(encode(table), findings=findings)
    assert draft.together == tuple(f"c{n}" for n in range(12))
    assert {item.column for item in draft.suggestions if item.operator == "drop"} == {"c12", "c13", "c14"}
