"""Names, places, organisations and addresses in Chinese text, in traditional and simplified characters."""

from __future__ import annotations

import re

import pytest

from privet.deidentify.detect import find_in_text
from privet.deidentify.hanzi import SURNAMES, hanzi_places

faker_module = pytest.importorskip("faker")


def found(text: str, kind: str) -> list[str]:
    return [text[item.start : item.end] for item in find_in_text(text) if item.kind == kind]


@pytest.mark.parametrize(
    ("locale", "line"),
    [
        ("zh_TW", "姓名：{}，電話"),
        ("zh_TW", "病患{}於今日就診"),
        ("zh_TW", "請{}先生回電"),
        ("zh_CN", "姓名：{}，电话"),
        ("zh_CN", "患者{}于今日就诊"),
        ("zh_CN", "请{}女士回电"),
    ],
)
def test_names_beside_a_word_that_says_so_are_found(locale: str, line: str) -> None:
    faker = faker_module.Faker(locale)
    faker.seed_instance(7)
    names = [name for name in (faker.name() for _ in range(400)) if name[0] in SURNAMES and len(name) < 4]
    hits = sum(found(line.format(name), "chinese_name") == [name] for name in names)
    assert len(names) > 250
    assert hits / len(names) > 0.93


@pytest.mark.parametrize("locale", ["zh_TW", "zh_CN"])
def test_addresses_are_found_whole(locale: str) -> None:
    faker = faker_module.Faker(locale)
    faker.seed_instance(7)
    before, after = "他住在", "，請寄到這裡"
    hits = 0
    for _ in range(200):
        address = re.sub(r"^[0-9]{3,6} |\s*[0-9]{6}$|\s", "", faker.address())
        hits += found(f"{before}{address}{after}", "chinese_address") == [address]
    assert hits > 180


def test_the_same_names_in_both_scripts() -> None:
    for one, other in (("張偉", "张伟"), ("歐陽娜娜", "欧阳娜娜"), ("劉麗華", "刘丽华"), ("葉建國", "叶建国")):
        assert found(f"姓名：{one}。", "chinese_name") == [one]
        assert found(f"姓名：{other}。", "chinese_name") == [other]


def test_a_name_ends_where_the_sentence_goes_on() -> None:
    assert found("患者王明於昨日入院", "chinese_name") == ["王明"]
    assert found("患者王大明昨日入院", "chinese_name") == ["王大明"]
    assert found("我叫李娜，今年", "chinese_name") == ["李娜"]


def test_ordinary_words_that_begin_with_a_surname_are_no_names() -> None:
    text = "馬上有方法，高興的時候金融中心人很多。任何時間都可以，江蘇的白天很長、黃金很貴、明天見。"
    text += "成功不是終點，文化很重要。"
    assert found(text, "chinese_name") == []


def test_an_organisation_without_a_name_is_none() -> None:
    assert found("這家公司、本醫院、我們大學和他的公司都很好，貴公司呢？", "chinese_organisation") == []


def test_ascii_text_is_not_searched_for_chinese() -> None:
    assert not [way for _, way, _ in hanzi_places("King Street 5, 10 Downing Street", 0) if way.startswith("han")]
