"""Format-preserving encryption: the standard's own vectors, and arrays held to single values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.deidentify.ff1 import FF1
from privet.deidentify.permute import Permutation

KEY_128 = "2B7E151628AED2A6ABF7158809CF4F3C"
KEY_192 = KEY_128 + "EF4359D8D580AA4F"
KEY_256 = KEY_192 + "7F036D6F04FC6A94"
TEN, THIRTY_SIX = "0123456789", "0123456789abcdefghi"
TWEAK_10, TWEAK_11 = "39383736353433323130", "3737373770717273373737"


# NIST, examples with intermediate values for SP 800-38G: FF1samples.pdf, samples 1 to 9.
@pytest.mark.parametrize(
    ("key", "radix", "tweak", "plain", "sealed"),
    [
        (KEY_128, 10, "", TEN, "2433477484"),
        (KEY_128, 10, TWEAK_10, TEN, "6124200773"),
        (KEY_128, 36, TWEAK_11, THIRTY_SIX, "a9tv40mll9kdu509eum"),
        (KEY_192, 10, "", TEN, "2830668132"),
        (KEY_192, 10, TWEAK_10, TEN, "2496655549"),
        (KEY_192, 36, TWEAK_11, THIRTY_SIX, "xbj3kv35jrawxv32ysr"),
        (KEY_256, 10, "", TEN, "6657667009"),
        (KEY_256, 10, TWEAK_10, TEN, "1001623463"),
        (KEY_256, 36, TWEAK_11, THIRTY_SIX, "xs8a0azh2avyalyzuwd"),
    ],
)
def test_the_vectors_of_the_standard(key: str, radix: int, tweak: str, plain: str, sealed: str) -> None:
    cipher = FF1(bytes.fromhex(key), radix=radix)
    numerals, expected = [int(c, radix) for c in plain], [int(c, radix) for c in sealed]
    assert cipher.encrypt(numerals, tweak=bytes.fromhex(tweak)) == expected
    assert cipher.decrypt(expected, tweak=bytes.fromhex(tweak)) == numerals


@pytest.mark.parametrize(("radix", "numerals"), [(10, [1] * 5), (10, [10] * 8), (1, [0] * 9), (2, [0, 1, 2] * 10)])
def test_what_the_standard_does_not_allow_is_refused(radix: int, numerals: list[int]) -> None:
    with pytest.raises(InvalidParameter):
        FF1(bytes(16), radix=radix).encrypt(numerals)


numbers = st.tuples(st.integers(0, 2**64), st.integers(10**6, 2**63), st.integers(0, 2**64 - 1))


@settings(max_examples=60)
@given(st.lists(numbers, max_size=5))
def test_arrays_go_where_the_standards_words_send_single_numbers(rows: list[tuple[int, int, int]]) -> None:
    cipher = Permutation(b"k" * 32)
    sizes, tweaks = (np.array([row[place] for row in rows], dtype=np.uint64) for place in (1, 2))
    given_ = np.array([row[0] % row[1] for row in rows], dtype=np.uint64)
    there = cipher.forth(given_, sizes=sizes, tweaks=tweaks)
    singly = [cipher.forth_one(n, size=row[1], tweak=row[2]) for n, row in zip(given_.tolist(), rows, strict=True)]
    assert there.tolist() == singly
    assert cipher.back(there, sizes=sizes, tweaks=tweaks).tolist() == given_.tolist()


@settings(max_examples=20)
@given(st.integers(2**63, 2**120), st.integers(0, 2**120), st.integers(0, 2**64 - 1))
def test_large_numbers_come_back(size: int, number: int, tweak: int) -> None:
    cipher = Permutation(b"k" * 32)
    there = cipher.forth_one(number % size, size=size, tweak=tweak)
    assert 0 <= there < size
    assert cipher.back_one(there, size=size, tweak=tweak) == number % size


def test_a_whole_domain_is_permuted_and_looks_like_chance() -> None:
    size = 1_000_003
    numbers = np.arange(size, dtype=np.uint64)
    sizes, tweaks = np.full(size, size, dtype=np.uint64), np.zeros(size, dtype=np.uint64)
    there = Permutation(b"k" * 32).forth(numbers, sizes=sizes, tweaks=tweaks)
    assert np.array_equal(np.sort(there), numbers)
    # The number of fixed points of a random permutation is Poisson of mean 1: above 12 with chance 6e-11.
    assert int((there == numbers).sum()) <= 12
    assert abs(np.corrcoef(there.astype(float), numbers.astype(float))[0, 1]) < 5 / np.sqrt(size)
    other = Permutation(b"k" * 32).forth(numbers[:1000], sizes=sizes[:1000], tweaks=tweaks[:1000] + np.uint64(1))
    assert int((other == there[:1000]).sum()) <= 12


def test_small_sizes_are_refused() -> None:
    one = np.ones(1, dtype=np.uint64)
    with pytest.raises(InvalidParameter, match="million"):
        Permutation(bytes(32)).forth(one, sizes=one * np.uint64(999_999), tweaks=one)
    with pytest.raises(InvalidParameter, match="million"):
        Permutation(bytes(32)).forth_one(1, size=999_999, tweak=0)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1 << 62, 1 << 140), st.integers(0, 1 << 140), st.integers(0, (1 << 64) - 1)),
        min_size=1,
        max_size=6,
    )
)
def test_large_numbers_on_arrays_go_where_the_standards_words_send_them(rows: list[tuple[int, int, int]]) -> None:
    cipher = Permutation(b"k" * 32)
    sizes, tweaks = [size for size, _, _ in rows], [tweak for _, _, tweak in rows]
    numbers = [number % size for size, number, _ in rows]
    wide = {"sizes": np.array(sizes, dtype=object), "tweaks": np.array(tweaks, dtype=np.uint64)}
    there = cipher.forth_wide(np.array(numbers, dtype=object), **wide)
    one_by_one = zip(numbers, sizes, tweaks, strict=True)
    assert there.tolist() == [cipher.forth_one(number, size=size, tweak=tweak) for number, size, tweak in one_by_one]
    assert cipher.back_wide(there, **wide).tolist() == numbers


@pytest.mark.parametrize("bits", range(63, 132))
def test_every_width_has_the_rounds_of_the_standard(bits: int) -> None:
    cipher, size = Permutation(b"k" * 32), 1 << bits
    numbers, tweaks = np.array([0, size - 1, size // 3], dtype=object), np.array([0, 1, 1 << 63], dtype=np.uint64)
    there = cipher.forth_wide(numbers, sizes=np.array([size] * 3, dtype=object), tweaks=tweaks)
    expected = [
        cipher.forth_one(number, size=size, tweak=tweak)
        for number, tweak in zip(numbers.tolist(), tweaks.tolist(), strict=True)
    ]
    assert there.tolist() == expected
