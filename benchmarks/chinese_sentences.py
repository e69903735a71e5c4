"""Sentences in Chinese with made-up people, places and organisations, and where they stand.

The rules were tuned with ``TUNED`` at hand; figures are reported on ``HELD_OUT``, whose misses were never looked at.
Names of people are Faker's, or a surname of the corpus of Chinese names before one of Faker's given names.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

Span = tuple[str, int, int]
SLOT = re.compile(r"\{(name|surname|address|company|place|hospital|school)\}")

TUNED = {
    "zh_TW": [
        "病患{name}於今日上午至{hospital}就診，主訴腹痛三天。",
        "我叫{name}，住在{address}，請多指教。",
        "請{name}先生回電，地址是{address}。",
        "{name}表示，{company}明年將在{place}設立新廠。",
        "聯絡人：{name}，任職於{company}。",
        "{surname}小姐您好，您的包裹已寄到{address}。",
        "她從{school}畢業後搬到{place}工作。",
        "會議由{name}主持，出席者有{name}、{name}和{name}。",
        "我昨天和{name}一起去{place}玩，天氣很好。",
        "本公司經理{name}今天請假。",
        "這家公司的方法很特別，任何人都可以學習。",
        "高中時的老師常說，時間就是金錢。",
    ],
    "zh_CN": [
        "患者{name}今日上午到{hospital}就诊，主诉腹痛三天。",
        "我叫{name}，住在{address}，请多关照。",
        "请{name}先生回电，地址是{address}。",
        "{name}表示，{company}明年将在{place}设立新厂。",
        "联系人：{name}，就职于{company}。",
        "{surname}女士您好，您的包裹已寄到{address}。",
        "她从{school}毕业后去{place}工作。",
        "会议由{name}主持，出席者有{name}、{name}和{name}。",
        "我昨天跟{name}一起去{place}玩，天气很好。",
        "经理{name}今天请假。",
        "这家公司的方法很特别，任何人都可以学习。",
        "高中时的老师常说，时间就是金钱。",
    ],
}
HELD_OUT = {
    "zh_TW": [
        "姓名：{name}\n住址：{address}\n服務單位：{company}",
        "{name}今年六十五歲，兩年前因中風在{hospital}住院。",
        "護理師{name}通知家屬{name}，病人已轉至{hospital}。",
        "{surname}教授在{school}教書，學生都很喜歡他。",
        "昨晚{place}發生車禍，{name}受了輕傷。",
        "收件人{name}，{address}，電話請洽管理室。",
        "{company}的負責人{name}向法院提出上訴。",
        "{surname}太太的兒子{name}考上了{school}。",
        "我們打算先到{place}，再去{place}找{name}。",
        "謝謝{name}的幫忙，這份文件請寄到{address}。",
        "根據{name}的說法，{company}並沒有違約。",
        "水果很新鮮，黃金價格上漲，馬路上車子很多。",
    ],
    "zh_CN": [
        "姓名：{name}\n住址：{address}\n工作单位：{company}",
        "{name}今年六十五岁，两年前因中风在{hospital}住院。",
        "护士{name}通知家属{name}，病人已转至{hospital}。",
        "{surname}教授在{school}教书，学生都很喜欢他。",
        "昨晚{place}发生车祸，{name}受了轻伤。",
        "收货人{name}，{address}，电话请联系物业。",
        "{company}的负责人{name}向法院提起上诉。",
        "{surname}太太的儿子{name}考上了{school}。",
        "我们打算先到{place}，再去{place}找{name}。",
        "谢谢{name}的帮忙，这份文件请寄到{address}。",
        "根据{name}的说法，{company}并没有违约。",
        "水果很新鲜，黄金价格上涨，马路上车子很多。",
    ],
}
LABELS = {"chinese_name": "name", "chinese_address": "address", "chinese_organisation": "organisation",
          "chinese_place": "place"}  # fmt: skip
_KINDS = {"surname": "name", "company": "organisation", "hospital": "organisation", "school": "organisation"}


def sentences(templates: dict[str, list[str]], *, times: int, data: Path) -> list[tuple[str, list[Span]]]:
    """Each sentence so many times, each time with other people."""
    from faker import Faker

    chance, made = random.Random(20), []
    for locale, lines in templates.items():
        faker = Faker(locale)
        faker.seed_instance(20)
        surnames = _surnames(data) if locale == "zh_CN" else []
        made += [_filled(line, faker, chance, surnames) for line in lines for _ in range(times)]
    return made


def _filled(line: str, faker: Any, chance: random.Random, surnames: list[str]) -> tuple[str, list[Span]]:
    text, spans, last = "", [], 0
    for match in SLOT.finditer(line):
        text += line[last : match.start()]
        kind, value = match.group(1), _value(match.group(1), faker, chance, surnames)
        spans.append((_KINDS.get(kind, kind), len(text), len(text) + len(value)))
        text, last = text + value, match.end()
    return text + line[last:], spans


def _value(kind: str, faker: Any, chance: random.Random, surnames: list[str]) -> str:
    if kind == "name":
        rare = surnames and chance.random() < 0.5
        return chance.choice(surnames) + faker.first_name() if rare else faker.name()
    if kind == "surname":
        return str(faker.last_name())
    if kind == "address":
        # Faker writes a postcode behind or before it, which is not of the address here.
        return re.sub(r"^[0-9]{3,6} |\s*[0-9]{6}$|\s", "", faker.address())
    if kind == "place":
        return chance.choice(_PLACES[faker.locales[0]])
    if kind == "company":
        return str(faker.company())
    ending = {"hospital": ("醫院", "医院"), "school": ("大學", "大学")}[kind][faker.locales[0] == "zh_CN"]
    return (
        chance.choice(_PLACES[faker.locales[0]])[:2]
        + chance.choice(["", "中央", "仁爱" if faker.locales[0] == "zh_CN" else "仁愛"])
        + ending
    )


def _surnames(data: Path) -> list[str]:
    """Surnames of the corpus, also those that the shipped list of 500 does not have."""
    path = data / "names" / "chinese_surnames.parquet"
    if not path.exists():
        return []
    import pandas

    return [str(name) for name in pandas.read_parquet(path)["surname"].head(700)]


_PLACES = {
    "zh_TW": ["台北", "高雄市", "新竹縣", "台南", "花蓮", "屏東縣", "苗栗", "彰化市", "宜蘭", "日本", "嘉義市", "金門"],
    "zh_CN": ["北京", "上海市", "广东省", "成都", "苏州", "哈尔滨市", "云南", "青岛", "西安市", "英国", "兰州", "福建"],
}
