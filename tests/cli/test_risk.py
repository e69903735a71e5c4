"""``privet risk``: what it says, draws and drafts."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from privet.cli import main
from privet.cli.risk_page import page
from privet.cli.risk_words import bar, in_words, percent, sentence
from privet.deidentify.detect import find_in_table
from privet.deidentify.measure import measured
from privet.deidentify.policy import load_policy
from privet.deidentify.special_uniques import special_uniques
from privet.deidentify.suggestion import policy_toml, suggest

from .test_command import Result

pandas = pytest.importorskip("pandas")
ROWS = 400


@pytest.fixture
def people(tmp_path: Path) -> Path:
    numbers = range(ROWS)
    table = {
        "email": [f"p{n}@example.org" for n in numbers],
        "birth_date": [f"19{50 + n % 40}-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in numbers],
        "sex": ["fm"[n * 7 % 10 > 4] for n in numbers],
        "postcode": [f"{10000 + n // 20}" for n in numbers],
        "weight": [50 + n * 13 % 61 for n in numbers],
        "ill": [["yes", "no", "unknown"][n * n % 3] for n in numbers],
    }
    path = tmp_path / "people.csv"
    pandas.DataFrame(table).to_csv(path, index=False)
    return path


@pytest.fixture
def privet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call(*arguments: object) -> Result:
        monkeypatch.setattr("sys.argv", ["privet", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main.run()
        out, err = capsys.readouterr()
        return Result(int(caught.value.code or 0), out, err)

    return call


def test_combinations_are_told_in_words_and_agree_with_the_table(privet, people: Path) -> None:
    found = json.loads(privet("risk", people, "--json").out)
    assert found["direct_identifiers"] == ["email"]
    frame = pandas.read_csv(people, dtype=str)
    for item in found["before"]["discovery"]["combinations"]:
        alone = (frame.groupby(item["columns"]).size() == 1).sum() / ROWS
        assert item["unique_share"] == pytest.approx(alone)
        assert "email" not in item["columns"]
    told = privet("risk", people).out
    worst = found["before"]["discovery"]["combinations"][0]
    assert sentence(worst["columns"], worst["unique_share"]) in told
    assert "By themselves identify: email" in told


def test_a_draft_is_written_once_and_lowers_the_risk(privet, people: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    found = json.loads(privet("risk", people, "--suggest", draft, "--json").out)
    policy = tomllib.loads(draft.read_text(encoding="utf-8"))
    columns = policy["columns"]
    assert columns["email"]["operator"] == "pseudonymise"
    assert columns["birth_date"]["operator"] == "age_band"
    assert columns["postcode"] == {"operator": "generalise_postcode", "keep": 2}
    assert columns["weight"] == {"operator": "generalise_number", "width": 10, "lowest": 50, "highest": 110}
    assert set(columns) == {"email", "birth_date", "postcode", "weight"}
    assert policy["together"][0]["k"] == 5
    assert set(policy["together"][0]["columns"]) == {"birth_date", "sex", "postcode", "weight"}
    assert found["after"]["anonymity"]["k"] >= 5
    assert 0 < found["after"]["kept"]["blank"] < 0.5
    assert 0.1 < found["after"]["kept"]["information"] < 0.9
    assert [(item["column"], item["role"]) for item in found["set_aside"]] == [
        ("email", "identifier"), ("ill", "sensitive")
    ]  # fmt: skip
    again = privet("risk", people, "--suggest", draft)
    assert again.code == 2
    assert "already there" in again.err
    load_policy(draft)


def test_before_and_after_are_shown_with_secrets_and_population(privet, people: Path, tmp_path: Path) -> None:
    safe = tmp_path / "safe.csv"
    frame = pandas.read_csv(people, dtype=str).drop(columns=["email", "birth_date", "weight"])
    frame.to_csv(safe, index=False)
    given = ("risk", people, "--after", safe, "--sensitive", "ill", "--population", 5000)
    found = json.loads(privet(*given, "--json").out)
    assert found["after"]["columns"] == ["sex", "postcode"]
    assert found["after"]["anonymity"]["k"] > found["before"]["anonymity"]["k"] == 1
    assert "ill" not in found["before"]["columns"]
    assert 0 <= found["before"]["population"]["population"] <= 1
    told = privet(*given).out
    assert "After the treatment" in told
    assert "(t)" in told
    assert "estimated" in told


def test_columns_can_be_named_and_wrong_ones_are_refused(privet, people: Path) -> None:
    found = json.loads(privet("risk", people, "--quasi", "sex", "--quasi", "postcode", "--json").out)
    assert found["before"]["columns"] == ["sex", "postcode"]
    wrong = privet("risk", people, "--quasi", "shoe")
    assert wrong.code == 2
    assert "'shoe'" in wrong.err
    told = privet("risk", people).out
    assert "ill: sensitive" in told
    assert "--quasi" in told
    assert privet("risk", people.parent / "none.csv").code == 2


def test_names_of_columns_survive_a_draft(tmp_path: Path) -> None:
    frame = pandas.DataFrame({'a "quoted".name': [f"x{n}@example.org" for n in range(30)], "生日": ["1980-01-02"] * 30})
    draft = tmp_path / "draft.toml"
    draft.write_text(policy_toml(suggest(frame, findings=find_in_table(frame)), title="x"), encoding="utf-8")
    assert set(load_policy(draft).columns) == set(frame.columns)


def test_small_and_whole_shares_are_drawn() -> None:
    assert bar(0.0).count("█") == 0
    assert bar(1.0).count("·") == 0
    assert sentence(["sex"], 0.001) == "sex singles out fewer than 1 % of the people"


def test_a_large_file_is_counted_by_a_database_with_the_same_figures(
    privet, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ibis", reason='Ibis is not installed; pip install "privet[ibis]"')
    plain = privet("risk", people, "--suggest", tmp_path / "one.toml", "--sensitive", "ill", "--json")
    assert privet("risk", people, "--engine", "abacus").code == 2
    monkeypatch.setattr("privet.deidentify.combinations.LARGE", {"csv": 1000, "parquet": 1000})
    monkeypatch.setattr("privet.study.tables.read_table", lambda path: pytest.fail("the file was read whole"))
    counted = privet("risk", people, "--suggest", tmp_path / "two.toml", "--sensitive", "ill", "--json")
    assert counted.code == 0, counted.err
    assert json.loads(counted.out) == json.loads(plain.out)
    assert (tmp_path / "one.toml").read_text(encoding="utf-8") == (tmp_path / "two.toml").read_text(encoding="utf-8")


def test_minimal_sample_uniques_are_told_and_their_match_estimated(privet, people: Path) -> None:
    given = ("risk", people, "--quasi", "sex", "--quasi", "postcode", "--quasi", "weight", "--population", 4000)
    found = json.loads(privet(*given, "--json").out)["before"]["special_uniques"]
    plain = special_uniques(pandas.read_csv(people, dtype=str), columns=["sex", "postcode", "weight"], largest=3)
    assert (found["rows"], found["largest"]) == (plain.special, 3)
    assert found["sets"][0]["rows"] == max(len(rows) for rows in plain.rows.values())
    assert 0 < found["right_match_mean"] <= found["right_match_max"] <= 1
    told = privet(*given).out
    assert "special uniques" in " ".join(told.split())
    assert "DIS-SUDA" in told
    assert "special_uniques" not in json.loads(privet(*given, "--uniques", 0, "--json").out)["before"]


def test_a_register_finds_people_again_and_fewer_after_the_draft(privet, people: Path, tmp_path: Path) -> None:
    register = tmp_path / "register.csv"
    frame = pandas.read_csv(people, dtype=str)
    frame.head(300)[["email", "birth_date", "sex", "postcode"]].to_csv(register, index=False)
    given = ("risk", people, "--against", register, "--truth", "email", "--suggest", tmp_path / "draft.toml")
    found = json.loads(privet(*given, "--json").out)
    before, after = found["before"]["attack"], found["after"]["attack"]
    keys = frame.groupby(["birth_date", "sex", "postcode"]).size()
    assert before["on"] == ["birth_date", "sex", "postcode"]
    assert 0 < before["right"] == before["claims"] <= (keys == 1).sum()
    assert before["known_rows"] == 300
    # The attacker generalises the register as the draft does, and still finds fewer.
    assert after["claims"] < before["claims"] / 2
    assert "found in the register by birth date, sex and postcode" in " ".join(privet(*given[:-2]).out.split())
    frame[["weight"]].rename(columns={"weight": "shoe"}).to_csv(register, index=False)
    assert privet("risk", people, "--against", register).code == 2


def test_the_page_shows_each_combination_before_and_after_and_asks_no_network(
    privet, people: Path, tmp_path: Path
) -> None:
    html, draft = tmp_path / "risk.html", tmp_path / "draft.toml"
    out = privet("risk", people, "--suggest", draft, "--html", html)
    assert f"drew {html}" in out.out
    drawn = html.read_text(encoding="utf-8")
    found = json.loads(privet("risk", people, "--json").out)["before"]["discovery"]["combinations"]
    for item in found:
        assert f"{in_words(item['columns'])}: {percent(item['unique_share'])} before" in drawn
    assert "http" not in drawn.replace("http://www.w3.org", "")
    assert "<script" not in drawn
    assert "prefers-color-scheme: dark" in drawn
    assert drawn.count('class="hatched"') == drawn.count('class="fill"') == 2 * len(found)


def test_a_name_on_the_page_is_only_a_name(tmp_path: Path) -> None:
    aside = [{"column": "<i>", "role": "plain", "why": "<u>"}]
    body = {
        "direct_identifiers": ["<script>"],
        "set_aside": aside,
        "before": measured({"<img>": [1, 2]}, columns=["<img>"]),
    }
    drawn = page(body, title="<b>")
    assert "<script>" not in drawn
    assert not [tag for tag in ("<img>", "<i>", "<u>") if tag in drawn]
    assert "&lt;img&gt;" in drawn
