"""Pseudonyms: one person, one token, whatever table the person is in; and another where the policy says so."""

from __future__ import annotations

import base64
import datetime
import hashlib
import os

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.deidentify.keys import column_key, domain_key
from privet.deidentify.policy import read_policy
from privet.deidentify.siv import Siv
from privet.deidentify.transform import deidentify, reverse

pandas = pytest.importorskip("pandas")

KEY = bytes(range(32))


def treat(table, columns: dict, **rest):
    return deidentify(pandas.DataFrame(table), policy=read_policy({"columns": columns, **rest}), key=KEY, findings=())


def plain_token(text: str, key: bytes, length: int) -> str:
    """The definition, one value at a time, by the standard library's base 32."""
    digest = hashlib.blake2b(text.encode(), key=key, digest_size=33, person=b"privet pseudonym").digest()
    return base64.b32encode(digest).decode()[:length].lower()


@given(st.lists(st.text(), max_size=30), st.integers(13, 52))
def test_tokens_made_all_at_once_are_those_of_the_definition(values: list[str], length: int) -> None:
    tokens = treat({"c": pandas.Series(values, dtype=object)}, {"c": {"operator": "pseudonymise", "length": length}})
    assert tokens["c"].tolist() == [plain_token(value, column_key(KEY, column="c"), length) for value in values]


def test_many_distinct_values_get_as_many_tokens_across_blocks() -> None:
    values = [f"A{number:09d}" for number in range(40_000)]
    tokens = treat({"c": values}, {"c": {"operator": "pseudonymise"}})["c"]
    assert tokens.nunique() == len(values)
    assert tokens.iloc[-1] == plain_token(values[-1], column_key(KEY, column="c"), 26)


def test_how_a_table_stores_a_value_does_not_change_its_token() -> None:
    stored = [
        pandas.Series([123, 4]),
        pandas.Series([123.0, None]),
        pandas.Series(["123", "4"]),
        pandas.Series([123, 4], dtype="Int64"),
        pandas.Series(["123", "4"], dtype="category"),
        pandas.Series([123, 4], dtype="int8"),
    ]
    columns = {"c": {"operator": "pseudonymise"}}
    assert len({treat({"c": series}, columns)["c"].iloc[0] for series in stored}) == 1
    days = [pandas.Series(pandas.to_datetime(["2001-02-03"])), pandas.Series(["2001-02-03"]),
            pandas.Series([datetime.date(2001, 2, 3)])]  # fmt: skip
    assert len({treat({"c": series}, columns)["c"].iloc[0] for series in days}) == 1


def test_columns_of_one_domain_share_pseudonyms_in_every_table() -> None:
    shared = {"operator": "pseudonymise", "domain": "person"}
    visits = treat({"patient": ["a", "b"]}, {"patient": shared})
    bills = treat({"payer": ["b", "c"], "other": ["b", "c"]}, {"payer": shared, "other": {"operator": "pseudonymise"}})
    assert visits["patient"].iloc[1] == bills["payer"].iloc[0] != bills["other"].iloc[0]
    assert domain_key(KEY, domain="payer") != column_key(KEY, column="payer")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": {"operator": "redact", "domain": "x"}}, "uses no key"),
        ({"a": {"operator": "pseudonymise", "domain": ""}}, "must be a name"),
        ({"a": {"operator": "shift_date", "days": 3, "person": "b", "domain": "x"}}, "person"),
        ({"a": {"operator": "shift_date", "days": 3, "person": "a"}}, "the column itself"),
    ],
)
def test_domains_and_persons_that_mean_nothing_are_refused(columns: dict, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        read_policy({"columns": columns})


def test_intervals_within_a_person_survive_across_columns_and_tables() -> None:
    person = {"operator": "pseudonymise", "domain": "person"}
    shift = {"operator": "shift_date", "days": 200, "person": "id"}
    table = {"id": ["a", "a", "b", None], "came": ["2001-01-01", "2001-03-01", "2001-01-01", "2001-01-01"],
             "went": ["2001-01-04", "2001-03-02", "no date", "2001-01-01"]}  # fmt: skip
    moved = treat(table, {"id": person, "came": shift, "went": shift})
    came, went = pandas.to_datetime(moved["came"]), pandas.to_datetime(moved["went"])
    assert (went - came).dt.days.tolist()[:2] == [3, 1]
    assert (came[1] - came[0]).days == 59
    assert moved["came"].iloc[0] != moved["came"].iloc[2] != "2001-01-01"
    assert moved["went"].isna().tolist() == [False, False, True, True]
    later = treat({"who": ["a"], "seen": ["2001-01-01"]}, {"who": person, "seen": {**shift, "person": "who"}})
    assert later["seen"].iloc[0] == moved["came"].iloc[0]


def test_a_person_column_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidParameter, match="'nobody'"):
        treat({"d": ["2001-01-01"]}, {"d": {"operator": "shift_date", "days": 3, "person": "nobody"}})


def plain_sealed(text: str, key: bytes) -> str:
    """The definition, one value at a time, by OpenSSL's SIV and the standard library's base 32."""
    cipher = AESSIV(hashlib.blake2b(key=key, digest_size=64, person=b"privet siv").digest())
    return base64.b32encode(cipher.encrypt(text.encode() + b"\n", None)).decode().rstrip("=").lower()


REVERSIBLE = {"c": {"operator": "pseudonymise", "prefix": "P-", "reversible": True}}


@given(st.lists(st.text(max_size=70), max_size=20))
def test_reversible_tokens_are_those_of_the_definition_and_come_back(values: list[str]) -> None:
    table = pandas.DataFrame({"c": pandas.Series(values, dtype=object)})
    tokens = treat(table, REVERSIBLE)
    assert tokens["c"].tolist() == ["P-" + plain_sealed(value, column_key(KEY, column="c")) for value in values]
    assert reverse(tokens, policy=read_policy({"columns": REVERSIBLE}), key=KEY)["c"].tolist() == values


@pytest.mark.parametrize("length", range(1, 100))
def test_the_cipher_on_arrays_is_openssls_at_every_length(length: int) -> None:
    rows = np.frombuffer(os.urandom(3 * length), dtype=np.uint8).reshape(3, length)
    key = os.urandom(64)
    sealed = Siv(key).seal(rows)
    assert [row.tobytes() for row in sealed] == [AESSIV(key).encrypt(row.tobytes(), None) for row in rows]
    assert (Siv(key).open(sealed) == rows).all()
    sealed[1, length % sealed.shape[1]] ^= 4
    with pytest.raises(InvalidTag):
        Siv(key).open(sealed)


def test_a_counter_that_is_full_does_not_carry() -> None:
    rows = np.frombuffer(b"\xff" * 64, dtype=np.uint8).reshape(1, -1)
    siv = Siv(bytes(range(64)))
    tags = np.full((1, 16), 255, dtype=np.uint8)
    plain = siv._keystream(tags, 64)
    first = int.from_bytes(bytes.fromhex("ffffffffffffffff7fffffff7fffffff"), "big")
    counters = b"".join((first + place).to_bytes(16, "big") for place in range(4))
    assert plain.tobytes() == Cipher(AES(bytes(range(32, 64))), ECB()).encryptor().update(counters)
    assert rows.shape == plain.shape


@pytest.mark.parametrize(
    "harm",
    [
        lambda token: token[:-1],
        lambda token: token + "a",
        lambda token: token[2:],
        lambda token: token[:6] + ("a" if token[6] != "a" else "b") + token[7:],
        # The last character has bits to spare; another with the same bits is no longer let pass.
        lambda token: token[:-1] + next(c for c in "abcdefghijklmnopqrstuvwxyz234567" if same_bits(c, token[-1])),
        lambda token: token[:-1] + "é",
        lambda token: token[:-1] + "1",
        lambda token: "P-",
        lambda token: "",
    ],
)
def test_a_changed_token_is_noticed_and_not_repeated(harm) -> None:
    token = treat({"c": ["somebody x"]}, REVERSIBLE)["c"].iloc[0]
    with pytest.raises(InvalidParameter, match="nothing is turned back") as caught:
        reverse(pandas.DataFrame({"c": [token, harm(token)]}), policy=read_policy({"columns": REVERSIBLE}), key=KEY)
    assert token[5:] not in str(caught.value)


def same_bits(character: str, other: str) -> bool:
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    # Eleven bytes and a tag are 27 bytes, 216 bits: 44 characters, of which the last has four bits to spare.
    return character != other and alphabet.index(character) >> 4 == alphabet.index(other) >> 4
