"""Replace identifiers by others of the same form, whole columns at a time: shapes first, then numbers, then text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.ff1 import FEWEST_VALUES
from privet.deidentify.format import SHAPE, Format, Letters, Ranked
from privet.deidentify.permute import Permutation

Direction = Literal["forth", "back"]


def replaced(
    texts: list[str], *, format: Format, permutation: Permutation, direction: Direction = "forth"
) -> list[str | None]:
    """Each identifier's replacement, or what it replaced; None for what is not of the kind.

    Guarantee: different identifiers get different replacements, of the same form and valid as the kind asks.
    """
    out: list[str | None] = [None] * len(texts)
    for rows, letters in _by_shape(texts):
        secret = _secret(letters, format)
        if secret is not None:
            valid = _replace(letters, secret, format, permutation, direction)
            text, width = letters.tobytes().decode("ascii"), letters.shape[1]
            for place in np.flatnonzero(valid).tolist():
                out[rows[place]] = text[place * width : (place + 1) * width]
    return out


def _by_shape(texts: list[str]) -> Iterator[tuple[list[int], Letters]]:
    """Texts of one length and shape as rows of characters, and which texts they are."""
    # One byte for each character; what is not ASCII becomes a question mark, which no kind has.
    flat = np.frombuffer("".join(texts).encode("ascii", "replace"), dtype=np.uint8)
    widths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    starts = np.cumsum(widths) - widths
    for width in np.unique(widths[widths > 0]).tolist():
        here = np.flatnonzero(widths == width)
        letters = flat[starts[here, None] + np.arange(width)]
        shapes = np.ascontiguousarray(SHAPE[letters]).view(np.dtype((np.void, width))).ravel()
        order = np.argsort(shapes, kind="stable")
        ends = np.flatnonzero(shapes[order][1:] != shapes[order][:-1]) + 1
        for rows in np.split(order, ends):
            yield here[rows].tolist(), letters[rows]


def _secret(letters: Letters, format: Format) -> NDArray[np.bool_] | None:
    """Which characters belong to the identifier itself; None if the shape is not of the kind."""
    shape = SHAPE[letters[0]]
    own = ~np.isin(shape, list(format.separators.encode()))
    if ord("?") in shape.tolist() or not format.pattern.fullmatch(shape[own].tobytes().decode("ascii")):
        return None
    return own


def _replace(
    letters: Letters, secret: NDArray[np.bool_], format: Format, permutation: Permutation, direction: Direction
) -> NDArray[np.bool_]:
    """Overwrite the valid rows; which they are."""
    bare = letters[:, secret]
    ranked = format.rank(bare)
    valid = ranked.valid & (ranked.sizes >= FEWEST_VALUES)
    if valid.any():
        moved = _moved(ranked, valid, permutation, direction)
        rows = letters[valid]
        rows[:, secret] = format.write(bare[valid], moved)
        letters[valid] = rows
    return valid.astype(np.bool_)


def _moved(ranked: Ranked, valid: NDArray[Any], permutation: Permutation, direction: Direction) -> NDArray[Any]:
    ranks, sizes, tweaks = ranked.ranks[valid], ranked.sizes[valid], ranked.tweaks[valid]
    if ranks.dtype != object:
        many = permutation.forth if direction == "forth" else permutation.back
        return many(ranks.astype(np.uint64), sizes=sizes.astype(np.uint64), tweaks=tweaks)
    wide = permutation.forth_wide if direction == "forth" else permutation.back_wide
    return wide(ranks, sizes=sizes, tweaks=tweaks)
