"""What is found, in text and in columns, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.deidentify.detect import find_in_table, find_in_text
from privet.deidentify.recogniser import recognisers
from privet.deidentify.recognisers.taiwan_id import is_valid
from privet.noise.simulation import generator
from privet.study.demo_data import demo_table, taiwan_ids

pandas = pytest.importorskip("pandas")


def kinds(text: str) -> list[str]:
    return [found.kind for found in find_in_text(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe+x@mail.example.org now", "email"),
        ("card 4111 1111 1111 1111 was used", "credit_card"),
        ("IBAN GB82 WEST 1234 5698 7654 32.", "iban"),
        ("身分證字號A123456789已登記", "taiwan_id"),
        ("居留證A800000014號", "taiwan_id"),
        ("身份证号11010519491231002X。", "china_id"),
        ("SSN 536-90-4399", "us_ssn"),
        ("from 192.168.7.44 and", "ip_address"),
        ("ping 2001:db8::ff00:42:8329 ok", "ip_address"),
        ("call +886 912 345 678", "phone"),
        ("請打0912-345-678找我", "phone"),
        ("phone (415) 555-0132", "phone"),
    ],
)
def test_identifiers_are_found_in_text(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "A123456788",  # wrong check digit
        "4111 1111 1111 1112",
        "GB82 WEST 1234 5698 7654 33",
        "110105194912310021",
        "000-12-3456",
        "900-12-3456",
        "999.1.1.1",
        "version 1.2.3",
        "12:30:45",
        "2026-11-31",  # no such day
        "3.14159265358979",
        "jane@doe",
        "chapter 12 of 34",
        "",
    ],
)
def test_lookalikes_are_left_alone(text: str) -> None:
    assert kinds(text) == []


@given(st.text(max_size=300))
def test_no_text_breaks_it_and_places_are_right(text: str) -> None:
    found = find_in_text(text)
    assert all(0 <= item.start < item.end <= len(text) for item in found)
    ends = [item.end for item in found]
    assert all(end <= later.start for end, later in zip(ends, found[1:], strict=False))


def test_places_are_exact() -> None:
    text = "身分證A123456789,請寄a.b@example.org"
    assert [text[f.start : f.end] for f in find_in_text(text)] == ["A123456789", "a.b@example.org"]


@given(seed=st.integers(0, 10**6), place=st.integers(0, 8), digit=st.integers(1, 9))
def test_every_made_id_is_valid_and_no_single_wrong_digit_is(seed: int, place: int, digit: int) -> None:
    (made,) = taiwan_ids(1, generator(seed))
    assert is_valid(made)
    wrong = made[: place + 1] + str((int(made[place + 1]) + digit) % 10) + made[place + 2 :]
    # Weights 8..1,1 do not all have an inverse modulo ten: weight 5 hides even steps, 2, 4, 6 and 8 hide steps of five.
    weight = (8, 7, 6, 5, 4, 3, 2, 1, 1)[place]
    if (weight * digit) % 10:
        assert not is_valid(wrong)


def test_fakers_identifiers_are_found() -> None:
    faker_module = pytest.importorskip("faker")
    faker = faker_module.Faker(["zh_TW"])
    faker.seed_instance(3)
    made = [faker.ssn() for _ in range(300)]
    assert all(kinds(text) == ["taiwan_id"] for text in made)
    english = faker_module.Faker("en_US")
    english.seed_instance(3)
    assert all(kinds(english.ssn()) == ["us_ssn"] for _ in range(300))
    assert all("email" in kinds(english.email()) for _ in range(300))
    assert all("iban" in kinds(english.iban()) for _ in range(300))


def test_columns_of_the_demo_are_all_recognised() -> None:
    pytest.importorskip("statsmodels")
    found = {item.column: item for item in find_in_table(demo_table(seed=1, rows=800))}
    wanted = {
        "name": "person_name",
        "taiwan_id": "taiwan_id",
        "phone": "phone",
        "email": "email",
        "birth_date": "birth_date",
        "postcode": "postcode",
        "address": "street_address",
        "note": "free_text",
    }
    assert {name: found[name].kind for name in wanted} == wanted
    assert all(found[name].kind is None for name in found if name not in wanted)
    assert not found["birth_date"].direct
    assert found["email"].direct


def test_free_text_keys_and_empty_columns() -> None:
    count = 60
    table = pandas.DataFrame(
        {
            "note": ["please call 0912-345-678" if i % 4 == 0 else "fine" for i in range(count)],
            "record": [f"R{i:05d}" for i in range(count)],
            "empty": [None] * count,
            "dose": [50.5 + i / 7 for i in range(count)],
            "mdvis": [i % 5 for i in range(count)],
        }
    )
    found = {item.column: item.kind for item in find_in_table(table)}
    assert found == {"note": "free_text", "record": "unique_key", "empty": None, "dose": None, "mdvis": None}


def test_findings_hold_no_cell() -> None:
    table = pandas.DataFrame({"email": ["very.secret@example.org"] * 5})
    assert "secret" not in str(find_in_table(table)[0].to_json())


@pytest.mark.parametrize("item", recognisers(), ids=lambda item: item.name)
def test_every_recogniser_names_its_source_and_has_a_place_in_the_ranking(item) -> None:
    assert item.source
    assert 0 < item.score <= 1
    assert item.label
