"""The demo's table: real health records, joined with identifiers that nobody ever had.

All chance here makes stand-in data and protects nothing; that is why it may be seeded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import MissingDependency
from privet.noise.simulation import generator

if TYPE_CHECKING:
    import pandas as pd

POLICY = """\
# How each column of people.csv is treated. What is not named here is kept; direct identifiers may not be.
others = "keep"

[columns.name]
operator = "made_up_name"         # the same person gets the same name in every file under one key
language = "zh"
person = "taiwan_id"
[columns.taiwan_id]
operator = "pseudonymise"         # a token that rows can be joined by; nobody can try all numbers without the key
prefix = "P-"
[columns.phone]
operator = "format_preserving"    # another number of the same form, for software that insists on one
kind = "phone"
[columns.email]
operator = "drop"
[columns.address]
operator = "drop"
[columns.note]
operator = "redact_text"          # identifiers inside the text become their kind in brackets
[columns.birth_date]
operator = "age_band"
on = 1975-01-01
width = 10
[columns.postcode]
operator = "generalise_postcode"
keep = 1

# Whoever is still rare by all that others may know loses postcode first, then age. The rest is trained on, and stays.
[[together]]
operator = "suppress_rare"
columns = ["physlm", "hlthg", "hlthf", "hlthp", "birth_date", "postcode"]
blank = ["birth_date", "postcode"]
k = 5
"""

# What clerks write beside a record; most write nothing that names anybody.
_NOTES = (
    "no remarks",
    "paid in full",
    "asked for the form again",
    "{name} phoned from {phone} and asked for another day",
    "a letter to {email} came back; {name} has moved to {address}",
    "來電 {phone} 詢問給付進度",
    "身分證 {taiwan_id} 已核對，回覆 {email}",
    "無備註",
)

# How many different names and streets Faker is asked for; they are then combined freely.
_POOL = 1500
_PLACES = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
# District and first three digits of its postcode.
_TOWNS = (
    ("台北市中正區", "100"),
    ("台北市大安區", "106"),
    ("新北市板橋區", "220"),
    ("桃園市中壢區", "320"),
    ("新竹市東區", "300"),
    ("台中市西屯區", "407"),
    ("彰化縣彰化市", "500"),
    ("嘉義市西區", "600"),
    ("台南市東區", "701"),
    ("高雄市三民區", "807"),
    ("屏東縣屏東市", "900"),
    ("花蓮縣花蓮市", "970"),
    ("台東縣台東市", "950"),
    ("宜蘭縣羅東鎮", "265"),
    ("基隆市仁愛區", "200"),
)


def write_demo(folder: Path, *, seed: int, rows: int | None = None) -> tuple[Path, Path]:
    """Write ``people.csv`` and ``policy.toml``; their paths. The same seed makes the same files.

    Errors: MissingDependency without the extra ``demo``.
    """
    table = demo_table(seed=seed, rows=rows)
    people, policy = folder / "people.csv", folder / "policy.toml"
    table.to_csv(people, index=False)
    policy.write_text(POLICY, encoding="utf-8")
    return people, policy


def demo_table(*, seed: int, rows: int | None = None) -> pd.DataFrame:
    """The RAND Health Insurance Experiment's person-years with made-up identifiers in front."""
    try:
        import pandas
        from statsmodels.datasets import randhie
    except ImportError:
        raise MissingDependency("the demo needs its data; install them with: pip install privet[demo]") from None
    records = randhie.load_pandas().data
    records = records.head(rows) if rows is not None else records
    people = pandas.DataFrame(_identifiers(len(records), seed), index=records.index)
    joined: pd.DataFrame = pandas.concat([people, records], axis=1)
    return joined


def _identifiers(count: int, seed: int) -> dict[str, Any]:
    chance = generator(seed)
    english, chinese = _names(seed)
    in_chinese = chance.random(count) < 0.6
    towns = chance.integers(0, len(_TOWNS), count)
    names = np.where(in_chinese, chance.choice(chinese, count), chance.choice(english, count))
    streets = np.asarray(
        [f"{word}路" for word in ("中山", "民生", "和平", "復興", "信義", "仁愛", "光復", "建國", "成功", "文化")]
    )
    numbers = chance.integers(1, 400, count)
    floors = chance.integers(1, 13, count)
    addresses = [
        f"{_TOWNS[town][0]}{street}{number}號{floor}樓"
        for town, street, number, floor in zip(towns, chance.choice(streets, count), numbers, floors, strict=True)
    ]
    postcodes = [
        f"{_TOWNS[town][1]}{tail:02d}" for town, tail in zip(towns, chance.integers(1, 60, count), strict=True)
    ]
    made = {
        "name": names,
        "taiwan_id": taiwan_ids(count, chance),
        "phone": [f"09{n:08d}" for n in chance.integers(10_000_000, 99_999_999, count)],
        "email": [f"{word}{n}@example.{end}" for word, n, end in _mailboxes(count, chance, english)],
        "birth_date": _birth_dates(count, chance),
        "postcode": postcodes,
        "address": addresses,
    }
    return {**made, "note": _notes(made, chance.integers(0, len(_NOTES), count))}


def _notes(made: dict[str, Any], which: NDArray[np.int64]) -> list[str]:
    """A remark for each row, of the row's own person."""
    people = zip(*made.values(), strict=True)
    return [_NOTES[note].format(**dict(zip(made, person, strict=True)))
            for note, person in zip(which, people, strict=True)]  # fmt: skip


def _names(seed: int) -> tuple[list[str], list[str]]:
    try:
        from faker import Faker
    except ImportError:
        raise MissingDependency("the demo needs Faker; install it with: pip install privet[demo]") from None
    pools = []
    for locale in ("en_US", "zh_TW"):
        faker = Faker(locale)
        faker.seed_instance(seed)
        first, last = [faker.first_name() for _ in range(_POOL)], [faker.last_name() for _ in range(_POOL)]
        joined = [f"{a} {b}" if locale == "en_US" else f"{b}{a}" for a, b in zip(first, last, strict=True)]
        pools.append(joined)
    return pools[0], pools[1]


def taiwan_ids(count: int, chance: np.random.Generator) -> list[str]:
    """Made-up ID numbers whose check digit is right."""
    letters = chance.integers(0, 26, count)
    digits = np.concatenate([chance.integers(1, 3, (count, 1)), chance.integers(0, 10, (count, 7))], axis=1)
    places = letters + 10
    total = places // 10 + 9 * (places % 10) + digits @ np.arange(8, 0, -1)
    checks = -total % 10
    return [
        f"{_PLACES[letter]}{''.join(map(str, row))}{check}"
        for letter, row, check in zip(letters, digits.tolist(), checks, strict=True)
    ]


def _mailboxes(count: int, chance: np.random.Generator, names: list[str]) -> list[tuple[str, int, str]]:
    words = [name.split()[0].lower() for name in names]
    chosen = chance.choice(words, count)
    ends = chance.choice(["com", "org", "net"], count)
    return list(zip(chosen, chance.integers(1, 9999, count).tolist(), ends, strict=True))


def _birth_dates(count: int, chance: np.random.Generator) -> NDArray[np.str_]:
    # The experiment ran from 1974 to 1982 with people under 62.
    days = chance.integers(0, 61 * 365, count)
    return np.datetime_as_string(np.datetime64("1914-01-01") + days, unit="D")
