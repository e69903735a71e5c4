"""Operators that keep less: what each leaves, where each cell is treated by itself."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from privet.core.errors import InvalidParameter, SpecError
from privet.deidentify.policy import load_policy, read_policy
from privet.deidentify.transform import deidentify

pandas = pytest.importorskip("pandas")

KEY = bytes(range(32))


def treat(values, operator: str, *, key: bytes = KEY, column: str = "c", **settings):
    policy = read_policy({"columns": {column: {"operator": operator, **settings}}})
    out = deidentify(pandas.DataFrame({column: values}), policy=policy, key=key, findings=())[column]
    return out.astype(object).where(out.notna(), None).tolist()


def test_masks_cover_what_they_should_and_short_values_whole() -> None:
    assert treat(["4111111111111111", None], "mask", last=4) == ["*" * 12 + "1111", None]
    assert treat(["王小明"], "mask", first=1, character="○") == ["王○○"]
    assert treat(["abcdef", "abc"], "mask", first=2, last=1) == ["ab***f", "***"]


def test_ages_fall_into_bands_on_the_stated_day() -> None:
    born = ["2000-06-15", "2000-06-16", "1900-01-01", "2030-01-01", "no date", None]
    on = datetime.date(2026, 6, 15)
    assert treat(born, "age_band", on=on) == ["25-29", "25-29", ">=90", None, None, None]
    assert treat(born[:2], "age_band", on="2026-06-15", width=1) == ["26", "25"]
    assert treat(["1937-01-01"], "age_band", on=on, width=20) == ["80-89"]


def test_numbers_are_coded_and_rounded_in_the_form_they_came() -> None:
    assert treat(["5", "99", "x", None, "7.5"], "top_bottom_code", lowest=7, highest=90) == [
        "7",
        "90",
        None,
        None,
        "7.5",
    ]
    assert treat([5, 99], "top_bottom_code", highest=90) == [5, 90]
    assert treat(["12.34", "7", "1e400"], "round_number", to=0.1) == ["12.3", "7", None]
    assert treat([1234, 1251], "round_number", to=100) == [1200, 1300]


TREE = {"work": {"health": ["nurse", "doctor"], "law": ["judge"]}, "none": ["retired"]}


def test_categories_go_up_their_tree_and_stop_at_its_top() -> None:
    jobs = ["nurse", "judge", "retired", "astronaut", None]
    assert treat(jobs, "generalise_category", tree=TREE) == ["health", "law", "none", "*", None]
    assert treat(jobs, "generalise_category", tree=TREE, level=2, other="?") == ["work", "work", "none", "?", None]


def test_a_tree_in_a_file_is_found_beside_the_policy(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("nurse;health;work\njudge;law;work\n", encoding="utf-8")
    body = '[columns.c]\noperator = "generalise_category"\ntree = "{}"\n'
    (tmp_path / "policy.toml").write_text(body.format("jobs.csv"), encoding="utf-8")
    out = deidentify(pandas.DataFrame({"c": ["judge"]}), policy=load_policy(tmp_path / "policy.toml"), key=KEY)
    assert out["c"].tolist() == ["law"]
    (tmp_path / "policy.toml").write_text(body.format("none.csv"), encoding="utf-8")
    with pytest.raises(SpecError, match=r"policy.toml: \[columns.c\] tree"):
        load_policy(tmp_path / "policy.toml")


def test_made_up_names_are_one_person_s_everywhere() -> None:
    first, second = (
        treat(["John  Smith", "JOHN SMITH", "Mary", None], "made_up_name")[:2],
        treat(["Mary"], "made_up_name"),
    )
    assert first[0] == first[1]
    assert " " in first[0]
    assert second == treat(["Mary"], "made_up_name") != treat(["Mary"], "made_up_name", key=bytes(32))
    whose = {"operator": "made_up_name", "person": "id"}
    columns = {"id": {"operator": "drop"}, "given": {**whose, "part": "given"}, "family": {**whose, "part": "family"},
               "name": whose}  # fmt: skip
    table = pandas.DataFrame({"id": [1, 1], "given": ["J", "John"], "family": ["S", None], "name": ["J S", "S, J"]})
    out = deidentify(table, policy=read_policy({"columns": columns}), key=KEY, findings=())
    assert out["name"].tolist() == [f"{out['given'].iloc[0]} {out['family'].iloc[0]}"] * 2
    assert pandas.isna(out["family"].iloc[1])
    assert all(len(name) in (3, 4) for name in treat(list("abcdefgh"), "made_up_name", language="zh"))


def test_made_up_names_spread_over_all_there_are() -> None:
    names = treat([str(number) for number in range(2000)], "made_up_name", part="family")
    counts = pandas.Series(names).value_counts()
    assert len(counts) > 150
    assert counts.max() < 40


def test_faker_makes_up_by_the_key_and_leaves_its_own_chance_alone() -> None:
    faker = pytest.importorskip("faker")
    made = treat(["a", "b", "a", None], "faker", provider="address")
    assert made[0] == made[2] != made[1]
    assert made[3] is None
    faker.Faker.seed(7)
    assert treat(["a"], "faker", provider="address") == made[:1]
    assert treat(["a"], "faker", provider="address", key=bytes(32)) != made[:1]
    with pytest.raises(InvalidParameter, match="provider"):
        treat(["a"], "faker", provider="_no_such")
    with pytest.raises(InvalidParameter, match="locale"):
        treat(["a"], "faker", provider="name", locale="xx_XX")


def test_identifiers_are_taken_out_of_free_text() -> None:
    assert treat(["mail a.b@example.org today", "nothing"], "redact_text") == ["mail [email] today", "nothing"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"operator": "mask", "first": -1}, "0 to 100"),
        ({"operator": "mask", "character": "**"}, "one character"),
        ({"operator": "age_band", "on": "soon"}, "date"),
        ({"operator": "age_band", "on": "2026-01-01", "width": 0}, "width"),
        ({"operator": "top_bottom_code"}, "at least one"),
        ({"operator": "round_number", "to": 0}, "step"),
        ({"operator": "generalise_category", "tree": {"a": ["x"], "b": ["x"]}}, "two places"),
        ({"operator": "generalise_category", "tree": ["x"]}, "ends in lists"),
        ({"operator": "generalise_category", "tree": {"a": ["x"]}, "level": 0}, "1 to 20"),
        ({"operator": "made_up_name", "part": "middle"}, "full, given, family"),
        ({"operator": "made_up_name", "language": "xx"}, "en, zh"),
        ({"operator": "microaggregate", "k": 1}, "2 to 1000"),
        ({"operator": "microaggregate", "k": 9, "block": 10}, "twice"),
        ({"operator": "rank_swap", "percent": 0}, "percent"),
        ({"operator": "randomise", "change": 2}, "change"),
        ({"operator": "add_noise", "stddev": -1}, "stddev"),
        ({"operator": "suppress_rare", "k": 3}, "together"),
    ],
)
def test_wrong_settings_are_told_with_their_place(settings: dict, words: str) -> None:
    with pytest.raises(InvalidParameter, match=rf"\[columns.c\].*{words}"):
        read_policy({"columns": {"c": settings}})
