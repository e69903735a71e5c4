"""Policies, operators and keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from privet.core.errors import InvalidParameter, PluginError, SpecError
from privet.core.plugins import names
from privet.deidentify.keys import column_key, load_or_create_key
from privet.deidentify.policy import load_policy, read_policy
from privet.deidentify.transform import deidentify

pandas = pytest.importorskip("pandas")

KEY = bytes(range(32))


def treat(values, operator: str, *, column: str = "c", key: bytes = KEY, **settings):
    policy = read_policy({"columns": {column: {"operator": operator, **settings}}})
    table = deidentify(pandas.DataFrame({column: values}), policy=policy, key=key, findings=())
    return table[column].tolist() if column in table else None


def test_each_operator_does_what_it_says() -> None:
    assert treat(["a", "b"], "drop") is None
    assert treat(["a", "b"], "keep") == ["a", "b"]
    redacted = treat(["a", None], "redact", text="x")
    assert redacted[0] == "x"
    assert pandas.isna(redacted[1])
    assert treat(["12345", "9"], "generalise_postcode", keep=2) == ["12**", "9**"]
    assert treat(["1987-06-05", "no date", None], "generalise_date", to="decade") == ["1980s", None, None]
    assert treat(["1987-06-05"], "generalise_date", to="year") == ["1987"]
    assert treat(["1987-06-05"], "generalise_date", to="month") == ["1987-06"]
    ranges = treat([3, 25, 99, -4, None], "generalise_number", lowest=0, highest=40, width=10)
    assert ranges[:4] == ["<10", "20-30", ">=30", "<10"]
    assert pandas.isna(ranges[4])


def test_pseudonyms_are_stable_keyed_and_separate() -> None:
    first, again = treat(["A123456789", "B", "A123456789", None], "pseudonymise"), treat(["A123456789"], "pseudonymise")
    assert first[0] == first[2] == again[0] != first[1]
    assert first[3] is None or pandas.isna(first[3])
    assert treat(["A123456789"], "pseudonymise", column="other") != again
    assert treat(["A123456789"], "pseudonymise", key=bytes(32)) != again
    assert treat(["x"], "pseudonymise", prefix="P-", length=20)[0].startswith("P-")
    assert len(treat(["x"], "pseudonymise", prefix="P-", length=20)[0]) == 22


def test_shifted_dates_stay_near_and_depend_on_the_key() -> None:
    values = [f"2001-03-{day:02d}" for day in range(1, 29)]
    moved = pandas.to_datetime(pandas.Series(treat(values, "shift_date", days=30)))
    gaps = (moved - pandas.to_datetime(pandas.Series(values))).dt.days
    assert gaps.abs().max() <= 30
    assert gaps.nunique() > 5
    assert treat(values, "shift_date", days=30) == treat(values, "shift_date", days=30)
    assert treat(values, "shift_date", days=30) != treat(values, "shift_date", days=30, key=bytes(32))


def test_rows_keep_their_order_and_the_input_is_not_changed() -> None:
    table = pandas.DataFrame({"n": ["b", "a"], "x": [1, 2]}, index=[7, 3])
    policy = read_policy({"columns": {"n": {"operator": "redact"}}, "others": "keep"})
    treated = deidentify(table, policy=policy, key=KEY)
    assert treated.index.tolist() == [7, 3]
    assert table["n"].tolist() == ["b", "a"]


def test_a_policy_that_keeps_direct_identifiers_is_refused() -> None:
    table = pandas.DataFrame({"mail": [f"someone{i}@example.org" for i in range(20)]})
    with pytest.raises(InvalidParameter, match="direct identifiers") as caught:
        deidentify(table, policy=read_policy({"columns": {"mail": {"operator": "keep"}}}), key=KEY)
    assert "someone" not in str(caught.value)
    reasoned = read_policy({"columns": {"mail": {"operator": "keep", "reason": "made-up addresses"}}})
    assert deidentify(table, policy=reasoned, key=KEY).equals(table)
    assert reasoned.operator("mail").describe() == "kept (made-up addresses)"


def test_a_policy_must_speak_of_every_column_unless_it_says_otherwise() -> None:
    table = pandas.DataFrame({"a": [1], "b": [2]})
    with pytest.raises(InvalidParameter, match="'b'"):
        deidentify(table, policy=read_policy({"columns": {"a": {"operator": "keep"}}}), key=KEY)
    dropped = deidentify(table, policy=read_policy({"columns": {"a": {"operator": "keep"}}, "others": "drop"}), key=KEY)
    assert dropped.columns.tolist() == ["a"]
    with pytest.raises(InvalidParameter, match="'z'"):
        deidentify(table, policy=read_policy({"columns": {"z": {"operator": "keep"}}, "others": "keep"}), key=KEY)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"colums": {}}, "'colums'"),
        ({"others": "maybe"}, "others"),
        ({"columns": []}, "table"),
        ({"columns": {"a": {}}}, "names no operator"),
        ({"columns": {"a": {"operator": "generalise_date"}}}, "'to' is missing"),
        ({"columns": {"a": {"operator": "generalise_date", "to": "week"}}}, "month, year, decade"),
        ({"columns": {"a": {"operator": "drop", "hard": True}}}, "no setting of drop"),
        ({"columns": {"a": {"operator": "generalise_postcode", "keep": "two"}}}, "wrong type"),
        ({"columns": {"a": {"operator": "pseudonymise", "length": 3}}}, "13 to 52"),
        ({"columns": {"a": {"operator": "shift_date", "days": 0}}}, "1 to 3650"),
    ],
)
def test_wrong_policies_get_one_clear_error(body: dict, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        read_policy(body)


def test_an_unknown_operator_is_named_with_those_there_are() -> None:
    with pytest.raises(PluginError, match="pseudonymise"):
        read_policy({"columns": {"a": {"operator": "hide"}}})


def test_policy_files(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no policy file"):
        load_policy(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[columns", encoding="utf-8")
    with pytest.raises(SpecError, match="not TOML"):
        load_policy(tmp_path / "bad.toml")


def test_every_operator_describes_itself_in_words() -> None:
    settings = {
        "generalise_date": {"to": "year"},
        "generalise_postcode": {"keep": 2},
        "generalise_number": {"lowest": 0, "highest": 10, "width": 5},
        "shift_date": {"days": 3},
        "format_preserving": {"kind": "phone"},
        "microaggregate": {"k": 3},
        "rank_swap": {"percent": 5},
        "randomise": {"change": 0.1},
        "add_noise": {"stddev": 1},
        "top_bottom_code": {"highest": 90},
        "round_number": {"to": 5},
        "age_band": {"on": "2026-01-01"},
        "generalise_category": {"tree": {"top": ["leaf"]}},
        "faker": {"provider": "company"},
        "suppress_rare": {"k": 3},
    }
    for name in names("privet.deidentify.operators"):
        body = {"operator": name, **settings.get(name, {})}
        if name == "suppress_rare":
            policy = read_policy({"together": [{**body, "columns": ["c"]}]})
            assert policy.together[0].operator.describe()
        else:
            assert read_policy({"columns": {"c": body}}).operator("c").describe()


def test_keys_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "pseudonym.key"
    key = load_or_create_key(path)
    assert len(key) == 32
    assert load_or_create_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.chmod(path, 0o644)
    with pytest.raises(InvalidParameter, match="chmod 600"):
        load_or_create_key(path)
    os.chmod(path, 0o600)
    path.write_text("short", encoding="ascii")
    with pytest.raises(InvalidParameter, match="does not hold a key"):
        load_or_create_key(path)
    with pytest.raises(InvalidParameter, match="cannot be written"):
        load_or_create_key(tmp_path / "no" / "folder")


def test_column_keys_differ() -> None:
    assert column_key(KEY, column="a") != column_key(KEY, column="b")
