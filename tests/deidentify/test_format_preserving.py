"""Replacements keep the form, are valid where the original was, differ where it differed, and come back."""

from __future__ import annotations

import datetime
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.core.plugins import attribute, names
from privet.deidentify.format import SHAPE, rank_by_class, write_by_class
from privet.deidentify.permute import Permutation
from privet.deidentify.policy import read_policy
from privet.deidentify.replace import replaced
from privet.deidentify.transform import deidentify, reverse

pandas = pytest.importorskip("pandas")

KEY = bytes(range(32))
KINDS = names("privet.deidentify.formats")


def there(texts: list[str], kind: str, *, direction="forth", key: bytes = KEY) -> list[str | None]:
    found = attribute("privet.deidentify.formats", kind, "FORMAT")
    return replaced(texts, format=found, permutation=Permutation(key), direction=direction)


def luhn(text: str) -> bool:
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    return (sum(digits[::2]) + sum(2 * d - 9 * (d > 4) for d in digits[1::2])) % 10 == 0


def iban(text: str) -> bool:
    plain = text.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def taiwan(text: str) -> bool:
    """Written as the register explains it: two digits for the first letter, the second letter's last digit."""
    places = {letter: str(number) for number, letter in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO", start=10)}
    second = places[text[1].upper()][1] if text[1].isalpha() else text[1]
    digits = places[text[0].upper()] + second + text[2:]
    return sum(int(d) * w for d, w in zip(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0


def china(text: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    datetime.date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    return "10X98765432"[sum(int(d) * w for d, w in zip(text, weights, strict=False)) % 11] == text[17].upper()


def ssn(text: str) -> bool:
    plain = text.replace("-", "")
    return plain[:3] not in ("000", "666") and plain[0] != "9" and plain[3:5] != "00" and plain[5:] != "0000"


VALID = {"credit_card": luhn, "iban": iban, "taiwan_id": taiwan, "china_id": china, "us_ssn": ssn}


def completed(stem: str, kind: str, alphabet: str = "0123456789X") -> str:
    return next(stem + end for end in alphabet if VALID[kind](stem + end))


digits = st.text("0123456789", min_size=30, max_size=30)
births = st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)).map("{:%Y%m%d}".format)
EXAMPLES = {
    "credit_card": st.builds(
        lambda head, rest, length: completed((head + rest)[: length - 1], "credit_card"),
        st.sampled_from(["4", "34", "55", "2221", "6011"]), digits, st.integers(12, 19),
    ),
    "iban": st.builds(
        lambda start, rest: next(filter(iban, (f"{start[:2]}{n:02d}{start[2:]}{rest[:14]}" for n in range(2, 99)))),
        st.sampled_from(["GBWEST", "DE0000", "FR1X9Z", "NO"]), digits,
    ),
    "taiwan_id": st.builds(
        lambda letter, kind, rest: completed(letter + kind + rest[:7], "taiwan_id"),
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), st.sampled_from("1289ABCD"), digits,
    ),
    "china_id": st.builds(
        lambda place, day, rest: completed(place + day + rest[:3], "china_id"),
        st.sampled_from(["110105", "830000", "659999"]), births, digits,
    ),
    "us_ssn": st.builds(
        "{:03d}-{:02d}-{:04d}".format,
        st.integers(1, 899).filter(lambda area: area != 666), st.integers(1, 99), st.integers(1, 9999),
    ),
    "phone": st.builds(str.format, st.sampled_from(["+1 ({:.3}) 255-0199", "0912-{0:.3}-{0:.3}", "{:.8}"]), digits),
    "digits": st.builds(lambda rest, n: f"MRN {rest[:n]}", digits, st.integers(6, 25)),
    "characters": st.from_regex(r"[A-Z]{4}-[0-9a-z]{3,15}", fullmatch=True),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(data=st.data())
def test_replacements_keep_the_form_are_valid_distinct_and_come_back(kind: str, data: st.DataObject) -> None:
    texts = data.draw(st.lists(EXAMPLES[kind], min_size=1, max_size=8, unique=True))
    out = there(texts, kind)
    assert None not in out
    assert len(set(out)) == len(texts)
    assert there(out, kind, direction="back") == texts
    assert [there([text], kind)[0] for text in texts] == out
    for before, after in zip(texts, out, strict=True):
        assert len(after) == len(before)
        if kind != "china_id":
            shapes = [SHAPE[list(text.encode())].tolist() for text in (before, after)]
            assert shapes[0] == shapes[1]
        assert VALID.get(kind, bool)(after)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("credit_card", ["4111 1111 1111 1112", "4111", "", "\uff14111111111111111"]),
        ("iban", ["GB82 WEST 1234 5698 7654 33", "GB82"]),
        ("taiwan_id", ["A123456788", "A323456789", "A12345678", "A1234567890"]),
        ("china_id", ["110105194912310021", "110105194913310021", "990105194912310021", "1101051949123100"]),
        ("us_ssn", ["666-12-1234", "900-12-1234", "123-00-1234", "123-45-0000", "000-12-1234"]),
        ("phone", ["12345", "+1 415 555 2671 x5", "call me"]),
        ("digits", ["12345", "none"]),
        ("characters", ["ab1", "-", "é2345678"]),
    ],
)
def test_what_is_not_of_the_kind_becomes_missing(kind: str, texts: list[str]) -> None:
    assert there(texts, kind) == [None] * len(texts)


def test_all_of_faker_is_of_the_kind_and_stays_so() -> None:
    faker = pytest.importorskip("faker")
    kinds = {"taiwan_id": ("zh_TW", "ssn"), "china_id": ("zh_CN", "ssn"), "us_ssn": ("en_US", "ssn"),
             "credit_card": ("en_US", "credit_card_number"), "iban": ("en_GB", "iban")}  # fmt: skip
    for kind, (locale, method) in kinds.items():
        made = faker.Faker(locale)
        made.seed_instance(1)
        texts = [getattr(made, method)() for _ in range(300)]
        assert all(text is not None and VALID[kind](text) for text in there(texts, kind)), kind


def test_kept_parts_make_other_secrets_of_the_same_numbers() -> None:
    tails = {text[-7:] for text in there([f"0{area} 234 5678" for area in range(2, 9)], "phone")}
    assert len(tails) > 1


def table_of(reversible: bool):
    return {
        "card": {"operator": "format_preserving", "kind": "credit_card", "reversible": reversible},
        "name": {"operator": "pseudonymise", "prefix": "P-", "reversible": reversible},
    }


def test_a_table_comes_back_only_where_the_policy_says_so_and_with_the_key() -> None:
    table = pandas.DataFrame({"card": ["4111 1111 1111 1111", None], "name": ["王小明", ""], "n": [1, 2]})
    policy = read_policy({"columns": table_of(True), "others": "keep"})
    sealed = deidentify(table, policy=policy, key=KEY, findings=())
    assert not set(sealed["name"]) & set(table["name"])
    opened = reverse(sealed, policy=policy, key=KEY)
    assert (
        opened.astype(object).where(opened.notna(), None).values.tolist()
        == table.astype(object).where(table.notna(), None).values.tolist()
    )
    with pytest.raises(InvalidParameter, match="another key"):
        reverse(sealed, policy=policy, key=bytes(32))
    with pytest.raises(InvalidParameter, match="calls no column"):
        reverse(sealed, policy=read_policy({"columns": table_of(False), "others": "keep"}), key=KEY)


def test_a_changed_pseudonym_is_noticed_and_not_shown() -> None:
    policy = read_policy({"columns": {"name": {"operator": "pseudonymise", "reversible": True}}})
    sealed = deidentify(pandas.DataFrame({"name": ["someone"]}), policy=policy, key=KEY)["name"].iloc[0]
    for wrong in (sealed[:-2] + ("a" if sealed[-2] != "a" else "b") + sealed[-1], sealed + "aa", "not one at all", ""):
        with pytest.raises(InvalidParameter, match="was changed") as caught:
            reverse(pandas.DataFrame({"name": [wrong]}), policy=policy, key=KEY)
        assert "someone" not in str(caught.value)


def test_reversible_pseudonyms_of_a_domain_are_stable() -> None:
    shared = {"operator": "pseudonymise", "reversible": True, "domain": "person"}
    policy = read_policy({"columns": {"a": shared, "b": shared}})
    out = deidentify(pandas.DataFrame({"a": ["x", "y"], "b": ["y", "z"]}), policy=policy, key=KEY)
    assert out["a"].iloc[1] == out["b"].iloc[0]


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"operator": "format_preserving", "kind": "shoe_size"}, "credit_card"),
        ({"operator": "pseudonymise", "reversible": True, "length": 20}, "take length out"),
    ],
)
def test_wrong_settings_are_told_with_their_place(settings_: dict, words: str) -> None:
    with pytest.raises(InvalidParameter, match=rf"\[columns.c\].*{words}"):
        read_policy({"columns": {"c": settings_}})


@given(st.from_regex(r"[0-9]{19,40}|[0-9A-Za-z]{12,45}", fullmatch=True))
def test_texts_are_numbers_each_character_counting_in_its_own_alphabet(text: str) -> None:
    letters = np.frombuffer(text.encode(), dtype=np.uint8).reshape(1, -1)
    number, size = 0, 1
    for letter in text:
        alphabet = next(
            found for found in (string.digits, string.ascii_uppercase, string.ascii_lowercase) if letter in found
        )
        number, size = number * len(alphabet) + alphabet.index(letter), size * len(alphabet)
    ranks, found = rank_by_class(letters)
    assert (ranks.tolist(), found) == ([number], size)
    assert write_by_class(letters, ranks).tobytes().decode() == text
