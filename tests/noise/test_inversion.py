"""Inversion tables: every word is decided as exact arithmetic decides it, and open words keep the law."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from privet.noise.discrete import DigitBlock, TopBlock
from privet.noise.inversion import InversionTable, resolve
from privet.noise.simulation import generator

LAWS = [
    DigitBlock(Fraction(1, 64), 5),
    DigitBlock(Fraction(1, 10**9), 7),
    TopBlock(Fraction(1, 100), Fraction(64, 100)),
    TopBlock(Fraction(3, 10), Fraction(6, 10)),
    TopBlock(Fraction(100), Fraction(100)),
    TopBlock(Fraction(2), Fraction(2)),
]


@pytest.mark.parametrize("law", LAWS)
def test_the_table_gives_every_short_word_the_outcome_that_integers_alone_give(law: DigitBlock | TopBlock) -> None:
    """All 2**10 words at width 10: decided words are compared with the plain resolution of the same bits."""
    table = InversionTable(law, width=10)
    words = np.arange(1 << 10, dtype=np.uint32)
    asked: list[int] = []

    def read(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    drawn = table.draw(words, read=read)
    assert asked, "some words of this width must be open, or the open path was not tested"
    plain = [resolve(int(word), bits=10, law=law, read=read) for word in words]
    assert drawn.tolist() == plain


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("width", [3, 6, 32])
def test_the_law_holds_however_short_the_words_are(law: DigitBlock | TopBlock, width: int) -> None:
    """With 3-bit words most draws are open; the outcome's law must not change."""
    chance = generator(11 + width)
    size = 1500 if width < 32 else 100_000
    words = chance.integers(0, 1 << width, size, dtype=np.uint32)
    drawn = InversionTable(law, width=width).draw(words, read=chance.bytes)
    cells = 24
    upper = np.array([law.cdf(j, bits=80)[0] / 2**80 for j in range(cells)] + [1.0])
    expected = np.diff(upper, prepend=0) * size
    seen = np.bincount(np.minimum(drawn, cells), minlength=cells + 1)
    used = expected > 5
    if used.sum() == 1:
        assert seen[used][0] >= size - 20
        return
    statistic = ((seen - expected)[used] ** 2 / expected[used]).sum()
    assert stats.chi2.sf(statistic, used.sum() - 1) > 1e-4


@pytest.mark.parametrize("law", LAWS)
def test_cumulative_bounds_rise_and_enclose_each_other_at_higher_precision(law: DigitBlock | TopBlock) -> None:
    for j in range(20):
        low, high = law.cdf(j, bits=40)
        finer_low, finer_high = law.cdf(j, bits=140)
        assert low <= finer_low >> 100 <= -(-finer_high >> 100) <= high
        assert high - low <= 4
        assert law.cdf(j + 1, bits=140)[1] >= finer_low


def test_a_word_that_equals_a_threshold_is_decided_by_the_following_bits() -> None:
    law = DigitBlock(Fraction(1, 64), 5)
    bound = law.cdf(3, bits=32 + 64)[0]
    prefix = bound >> 64
    below = resolve(prefix, bits=32, law=law, read=lambda count: bytes(count))
    above = resolve(prefix, bits=32, law=law, read=lambda count: b"\xff" * count)
    assert (below, above) == (3, 4)
