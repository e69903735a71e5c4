"""Which role each column of real and made-up tables plays, stated column by column."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from privet.core.errors import InvalidParameter, SpecError
from privet.deidentify.column_words import categories
from privet.deidentify.detect import ColumnFinding, find_in_table
from privet.deidentify.policy import load_policy, read_policy
from privet.deidentify.stream import deidentify_file
from privet.deidentify.transform import deidentify
from privet.noise.simulation import generator

pandas = pytest.importorskip("pandas")

DATA = Path(os.environ.get("PRIVET_DATA", Path(__file__).parents[3] / "shared" / "data"))
KEY = bytes(32)

EXPECTED = {
    "adult": {
        "quasi-identifier": "age workclass education education_num marital_status occupation relationship race sex "
        "native_country",
        "sensitive": "capital_gain capital_loss income",
        "plain": "fnlwgt hours_per_week split",
    },
    "credit_default": {
        "identifier": "id",
        "quasi-identifier": "sex education marriage age",
        "sensitive": "limit_bal default_next_month "
        + " ".join(f"{name}{i}" for name in ("pay_", "bill_amt", "pay_amt") for i in range(1, 7)),
    },
    "diabetes_130": {
        "identifier": "encounter_id patient_nbr",
        "quasi-identifier": "race gender age weight",
        "sensitive": "admission_type_id discharge_disposition_id admission_source_id medical_specialty "
        "num_lab_procedures num_procedures num_medications diag_1 diag_2 diag_3 number_diagnoses max_glu_serum insulin "
        "diabetesMed readmitted",
        # Drugs by their own names, and counts of visits, are not recognised.
        "plain": "time_in_hospital payer_code number_outpatient number_emergency number_inpatient A1Cresult metformin "
        "repaglinide nateglinide chlorpropamide glimepiride acetohexamide glipizide glyburide tolbutamide pioglitazone "
        "rosiglitazone acarbose miglitol troglitazone tolazamide examide citoglipton glyburide-metformin "
        "glipizide-metformin glimepiride-pioglitazone metformin-rosiglitazone metformin-pioglitazone change",
    },
    "heart_disease": {
        "quasi-identifier": "hospital age sex",
        "sensitive": "chol disease",
        # Names that are abbreviations of one study.
        "plain": "cp trestbps fbs restecg thalach exang oldpeak slope ca thal num",
    },
    "person": {
        "identifier": "person_id person_source_value",
        "quasi-identifier": "gender_concept_id year_of_birth month_of_birth day_of_birth birth_datetime "
        "race_concept_id ethnicity_concept_id gender_source_value gender_source_concept_id race_source_value "
        "race_source_concept_id ethnicity_source_value ethnicity_source_concept_id",
        "plain": "location_id provider_id care_site_id",  # no cell is filled
    },
}


def roles(table: Any) -> dict[str, str]:
    return {found.column: found.role for found in find_in_table(table)}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_column_of_known_tables_plays_its_role(name: str) -> None:
    pytest.importorskip("pyarrow")
    folder = "synthea_omop" if name == "person" else name
    path = DATA / folder / f"{name}.parquet"
    if not path.exists():
        pytest.skip("the table is not here; PRIVET_DATA says where the data sets are")
    wanted = {column: role for role, columns in EXPECTED[name].items() for column in columns.split()}
    assert roles(pandas.read_parquet(path)) == wanted


def test_every_column_of_a_made_up_table_plays_its_role() -> None:
    faker = pytest.importorskip("faker").Faker("en_US")
    faker.seed_instance(5)
    made = {
        "full_name": (faker.name, "identifier"),
        "first_name": (faker.first_name, "identifier"),
        "ssn": (faker.ssn, "identifier"),
        "mail": (faker.email, "identifier"),
        "home_phone": (faker.phone_number, "identifier"),
        "user_name": (faker.user_name, "identifier"),
        "card": (faker.credit_card_number, "identifier"),
        "reference": (lambda: faker.bothify("??-######"), "identifier"),
        "born": (lambda: str(faker.date_of_birth()), "quasi-identifier"),
        "seen_on": (lambda: str(faker.date_this_decade()), "quasi-identifier"),
        "zip": (faker.zipcode, "quasi-identifier"),
        "city": (faker.city, "quasi-identifier"),
        "job": (faker.job, "quasi-identifier"),
        "height_cm": (lambda: faker.random_int(150, 200), "quasi-identifier"),
        "company": (faker.company, "quasi-identifier"),
        "religion": (lambda: faker.random_element(["Muslim", "Catholic", "none"]), "sensitive"),
        "hiv_status": (lambda: faker.random_element(["pos", "neg"]), "sensitive"),
        "monthly_income": (lambda: faker.random_int(900, 9000), "sensitive"),
        "code": (lambda: faker.random_element(["J45.0", "E11.9", "I10", "F32.1", "K21.0", "M54.5", "N39.0", "B20",
                                               "C50.9", "G43.0", "L20.9"]), "sensitive"),
        "score": (lambda: faker.random_int(0, 100), "plain"),
        "ratio": (lambda: faker.pyfloat(min_value=0, max_value=1), "plain"),
        "wanted": (faker.boolean, "plain"),
    }  # fmt: skip
    table = pandas.DataFrame({name: [make() for _ in range(200)] for name, (make, _) in made.items()})
    assert roles(table) == {name: role for name, (_, role) in made.items()}


@pytest.mark.parametrize(
    ("column", "role"),
    [(name, "sensitive") for name in (
        "診斷", "诊断结果", "宗教信仰", "月收入", "薪資", "政黨",
        "Diagnose", "Religionszugehörigkeit", "Einkommen", "Gehalt",
        "Maladie", "salaire_mensuel", "diagnóstico", "Enfermedad", "ingresos",
        "antecedentes_penales", "sexualOrientation")]
    + [(name, "quasi-identifier") for name in (
        "性別", "年龄组", "職業", "学历", "婚姻狀況", "縣市", "Geschlecht", "Familienstand", "Wohnort", "Körpergröße",
        "sexe", "État civil", "lieu_de_naissance", "género", "estadoCivil", "Ciudad")]
    + [("x", "plain"), ("quantity", "plain"), ("Version", "plain"), ("menge", "plain"), ("數量", "plain")],
)  # fmt: skip
def test_names_in_five_languages_say_what_a_column_holds(column: str, role: str) -> None:
    assert roles({column: ["A", "B", "C"] * 20 if column != "年龄组" else ["20-30", "31-40", "41歲"] * 20}) == {
        column: role
    }


@pytest.mark.parametrize(
    ("cells", "role"),
    [
        (["male", "female"] * 30, "quasi-identifier"),
        (["M", "F"] * 30, "quasi-identifier"),
        (["已婚", "未婚", "離婚"] * 20, "quasi-identifier"),
        (["Christian", "Muslim", "none", "Hindu"] * 15, "sensitive"),
        (["2021-03-04", "2022-05-06 10:30", "2023-11-30"] * 20, "quasi-identifier"),
        (["T", "F"] * 30, "plain"),
        (["other", "none"] * 30, "plain"),
        ([None] * 30, "plain"),
    ],
)
def test_values_say_it_without_a_name(cells: list[Any], role: str) -> None:
    assert roles({"v7": cells}) == {"v7": role}


def test_cells_that_speak_against_the_name_win() -> None:
    sentences = [f"a long story about page {i % 7} of the book, told again and again without an end" for i in range(60)]
    assert (
        roles({"age": sentences, "city": sentences, "sex": [i / 7 for i in range(60)]})
        == dict.fromkeys(("age", "city", "sex"), "plain") | {}
    )


def test_uniqueness_is_that_of_the_whole_column() -> None:
    chance = generator(11)
    weights = chance.integers(10**6, 10**7, 60_000)
    weights[:2000] = range(2000)
    keys = chance.permutation(60_000)
    found = {item.column: item for item in find_in_table({"w": weights, "k": keys, "f": keys + 0.5})}
    assert {name: item.role for name, item in found.items()} == {"w": "plain", "k": "identifier", "f": "plain"}
    assert found["k"].unique == 1
    assert 0.9 < found["w"].unique < 1
    assert roles({"t": [f"n{i % 59_000}" for i in range(60_000)]}) == {"t": "identifier"}
    assert roles({"t": [f"n{i % 30_000}" for i in range(60_000)]}) == {"t": "plain"}


def test_a_persons_number_is_one_though_it_repeats() -> None:
    assert roles({"patient_id": [i // 3 for i in range(300)], "type_id": [i % 4 for i in range(300)]}) == {
        "patient_id": "identifier",
        "type_id": "plain",
    }


def test_polars_arrow_pandas_and_mappings_give_the_same() -> None:
    body = {"sex": ["m", "f", None] * 20, "income": [None, *range(59)], "id": [f"R{i}" for i in range(60)]}
    frame = pandas.DataFrame(body)
    wanted = {"sex": "quasi-identifier", "income": "sensitive", "id": "identifier"}
    assert roles(body) == roles(frame) == wanted
    assert roles(pytest.importorskip("pyarrow").Table.from_pandas(frame)) == wanted
    assert roles(pytest.importorskip("polars").from_pandas(frame)) == wanted


def test_every_role_comes_with_a_reason_and_no_cell() -> None:
    found = find_in_table({"sex": ["m", "f"] * 20, "note": ["call 0912-345-678"] * 40, "x": [1, 2] * 20})
    assert all(item.why for item in found)
    assert "0912" not in str([item.to_json() for item in found])
    assert [item.direct for item in found] == [False, True, False]


def test_every_sensitive_category_names_the_law_that_says_so() -> None:
    sensitive = [item for item in categories() if item.role == "sensitive"]
    assert len(sensitive) >= 9
    assert all("GDPR" in item.source or "U.S.C." in item.source for item in sensitive)


TABLE = {"case": [f"R{i}" for i in range(60)], "sex": ["m", "f"] * 30}


def test_the_policy_overrules_a_role_with_a_reason() -> None:
    silent = read_policy({"others": "keep"})
    with pytest.raises(InvalidParameter, match="direct identifiers"):
        deidentify(pandas.DataFrame(TABLE), policy=silent, key=KEY)
    stated = read_policy({"others": "keep", "columns": {"case": {"role": "plain", "reason": "drawn by lot"}}})
    assert list(deidentify(pandas.DataFrame(TABLE), policy=stated, key=KEY)["case"]) == TABLE["case"]
    case, sex = stated.overrule(find_in_table(TABLE))
    assert (case.role, sex.role) == ("plain", "quasi-identifier")
    assert "drawn by lot" in case.why
    assert "found: identifier" in case.why


def test_a_role_that_protects_less_needs_a_reason() -> None:
    policy = read_policy({"others": "keep", "columns": {"case": {"role": "quasi-identifier"}}})
    with pytest.raises(InvalidParameter, match="found to be identifier"):
        policy.overrule(find_in_table(TABLE))
    raised = read_policy({"others": "keep", "columns": {"sex": {"role": "identifier"}}})
    assert [item.role for item in raised.overrule(find_in_table(TABLE))] == ["identifier", "identifier"]


def test_a_column_called_an_identifier_is_not_kept_without_a_reason() -> None:
    body = {"columns": {"case": {"operator": "drop"}, "sex": {"operator": "keep", "role": "identifier"}}}
    with pytest.raises(InvalidParameter, match="keeps column 'sex'"):
        deidentify(pandas.DataFrame(TABLE), policy=read_policy(body), key=KEY)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"role": "public"}, "role must be one of"),
        ({"role": "plain", "reason": 3}, "reason must be text"),
        ({"role": "plain", "prefix": "x"}, "needs an operator"),
        ({"role": "plain", "operator": "drop", "prefix": "x"}, "no setting of drop"),
    ],
)
def test_roles_that_cannot_be_read_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        read_policy({"columns": {"a": settings}})
    with pytest.raises(InvalidParameter, match="does not have"):
        read_policy({"others": "keep", "columns": {"b": {"role": "plain"}}}).check_columns(["a"])


def test_a_role_stands_beside_any_operator() -> None:
    policy = read_policy({"columns": {"a": {"operator": "mask", "first": 1, "role": "plain", "reason": "x"}}})
    assert policy.operator("a").describe()
    assert policy.roles["a"].reason == "x"


def test_a_file_treated_piece_by_piece_is_judged_on_the_whole_column(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    rows = 5000
    once = pandas.DataFrame({"v": range(rows)})
    twice = pandas.DataFrame({"v": [*range(rows - 1), 0]})
    policy = read_policy({"others": "keep"})
    for frame, refused in ((once, True), (twice, False)):
        path = tmp_path / "t.csv"
        frame.to_csv(path, index=False)
        if refused:
            with pytest.raises(InvalidParameter, match="direct identifiers"):
                deidentify_file(path, io.BytesIO(), name="o.csv", policy=policy, key=KEY)
        else:
            assert deidentify_file(path, io.BytesIO(), name="o.csv", policy=policy, key=KEY).rows == rows


def test_a_missing_policy_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no policy"):
        load_policy(tmp_path / "none.toml")


def test_findings_can_be_made_by_hand() -> None:
    assert ColumnFinding("a", None, "x", 0.0, 0.0, "identifier").direct
