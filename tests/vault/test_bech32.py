"""Bech32 as BIP 173 has it, but for the limit on length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.vault import bech32

# BIP 173, "Test vectors"; the long ones are valid here: age has no limit on length.
VALID = [
    "A12UEL5L",
    "a12uel5l",
    "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
]
INVALID = [
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e2w",
    "s lit1checkupstagehandshakeupstreamerranterredcaperredp8hs2p",
    "spl\x7ft1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
    "split1cheo2y9e2w",
    "split1a2y9w",
    "1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
    "pzry9x0s0muk",
    "1pzry9x0s0muk",
    "x1b4n0q5v",
    "li1dgmt3",
    "A1G7SGD8",
    "10a06t8",
    "1qzzfhee",
    "A12uEL5L",
    "",
    "1",
]


@pytest.mark.parametrize("text", VALID)
def test_the_valid_strings_of_the_standard_are_read(text: str) -> None:
    prefix, content = bech32.decode(text)
    assert bech32.encode(prefix, content) == text.lower()


@pytest.mark.parametrize("text", INVALID)
def test_the_invalid_strings_of_the_standard_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        bech32.decode(text)


@given(content=st.binary(max_size=80))
def test_any_bytes_come_back(content: bytes) -> None:
    assert bech32.decode(bech32.encode("age", content)) == ("age", content)
    assert bech32.decode(bech32.encode("age", content).upper()) == ("age", content)


@given(content=st.binary(min_size=1, max_size=40), data=st.data())
def test_up_to_four_mistyped_letters_are_always_noticed(content: bytes, data: st.DataObject) -> None:
    text = list(bech32.encode("age", content))
    places = data.draw(st.lists(st.integers(4, len(text) - 1), min_size=1, max_size=4, unique=True))
    for place in places:
        text[place] = data.draw(st.sampled_from(sorted(set("qpzry9x8gf2tvdw0s3jn54khce6mua7l") - {text[place]})))
    with pytest.raises(InvalidParameter):
        bech32.decode("".join(text))


def test_what_fills_the_last_letter_must_be_zeros() -> None:
    # Five words carry 25 bits: three bytes and a filling of one bit, here set.
    words = [0, 0, 0, 0, 1]
    check = bech32._polymod([*bech32._expand("age"), *words, *[0] * 6]) ^ 1
    words += [(check >> 5 * (5 - place)) & 31 for place in range(6)]
    text = "age1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[word] for word in words)
    with pytest.raises(InvalidParameter):
        bech32.decode(text)


def test_an_error_does_not_repeat_what_may_be_a_secret_key() -> None:
    with pytest.raises(InvalidParameter) as caught:
        bech32.decode("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEZ")
    assert "GFPYY" not in str(caught.value)
