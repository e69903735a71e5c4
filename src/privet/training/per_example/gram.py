"""Squared norms of gradients of linear maps used at many places, without forming the gradients.

For inputs x of (T, d) and output gradients g of (T, p) an example's gradient is g^T x, with squared norm
<x x^T, g g^T>: the Gram form, which costs T^2 (d + p) instead of T d p (Li et al. 2022, section 4; for T = 1 it is a
product of two norms, Goodfellow 2015). No norm here is ever too small: what rounding or underflow can hide of
contributions that cancel is added to it.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from privet.training.per_example.rule import HALF, lengths, wide
from privet.training.per_example.scratch import empty

# Of the square of all contributions' sizes: what rounding can hide of a sum of products, in units of a last digit.
_HIDDEN = 16
# Of their sizes: what they are never taken to cancel to, in units of a last digit.
_REORDERED = 4096

# Steps from which it pays to leave out half of a symmetric product.
_HALVED = 48


def gram_squares(xs: Tensor, gs: Tensor, *, biases: int = 0) -> Tensor:
    """Squared norms of the gradients of a map's weights and of as many biases, which are weights on an input of one.

    Shapes: (B, T, d), (B, T, p) to (B,).
    """
    steps = xs.shape[1]
    half = steps // 2 if xs.is_cpu and steps >= _HALVED else steps
    # Gram matrices are symmetric: the later rows need no earlier columns if what the earlier rows see of the later
    # columns counts twice.
    parts = [(0, half), (half, steps)] if half < steps else [(0, steps)]
    width, outside = xs.shape[2] + biases, gs.shape[2]
    found = []
    for begin, end in parts:
        seen, other = (
            product(part[:, begin:end], part[:, begin:].transpose(1, 2), _grams(name, part, end - begin, steps - begin))
            for name, part in (("seen", xs), ("gram", gs))
        )
        found.append(_of_rows(seen.add_(biases) if biases else seen, other, width, outside))
    squares, sizes = (functools.reduce(Tensor.add_, of_parts) for of_parts in zip(*found, strict=True))
    return _never_less(squares, sizes)


def squares_of(seen: Tensor, other: Tensor, width: int, outside: int) -> Tensor:
    """The same from Gram matrices of inputs of this width, which are overwritten, and of gradients.

    Shapes: (B, T, T) both to (B,).
    """
    return _never_less(*_of_rows(seen, other, width, outside))


def _of_rows(seen: Tensor, other: Tensor, width: int, outside: int) -> tuple[Tensor, Tensor]:
    """Sums over the products of all pairs of steps, and sizes of what the steps contribute.

    Columns beyond the rows stand for their mirror images, too. Shapes: (B, rows, columns) both to (B,) twice.
    """
    rows = seen.shape[1]
    least = underflow(seen) / (_HIDDEN * torch.finfo(seen.dtype).eps)
    # What is too small to square counts as the smallest that is not.
    inputs, slopes = (
        gram[:, :, :rows].diagonal(0, 1, 2).clamp_min(size * least) for gram, size in ((seen, width), (other, outside))
    )
    sizes = inputs.mul_(slopes).sqrt_().sum(1)
    products = seen.mul_(other)
    squares = products.sum((1, 2))
    if products.shape[2] > rows:
        squares.add_(products[:, :, rows:].sum((1, 2)))
    return squares, sizes


def _never_less(squares: Tensor, sizes: Tensor) -> Tensor:
    """Where contributions cancel rounding could hide a gradient far above the clip; as much is added as it can hide."""
    return squares.clamp_min_(0).addcmul_(sizes, sizes, value=_HIDDEN * torch.finfo(sizes.dtype).eps)


def _grams(name: str, part: Tensor, rows: int, columns: int) -> Tensor:
    return empty(name, (len(part), rows, columns), wide(part[:0]))


def outer_squares(seen: Tensor, slopes: Tensor, inside: int, outside: int, biases: int) -> Tensor:
    """Squared norms of outer products of vectors, and of as many biases, which are weights on an input of one.

    From those of inputs of width ``inside``, which are overwritten, and of gradients of width ``outside``. Squares of
    small numbers become zero, which a large factor would have made large again; as much is added as is lost so.
    Shapes: (B,) both to (B,).
    """
    lost = underflow(slopes)
    return seen.add_(biases + inside * lost).mul_(slopes + outside * lost)


def added_again(squares: Tensor, sizes: Tensor) -> Tensor:
    """Squared norms of gradients that are not kept, so that their clipped sum is added up in another order.

    Where an example's contributions cancel, their rounding does not, nor what they round off from other examples' sums
    on the way: they are never taken to cancel to less than a part of their ``sizes``. Shapes: (B,) both.
    """
    return sizes.mul(_REORDERED * torch.finfo(sizes.dtype).eps).square_().add_(squares)


def step_sizes(xs: Tensor, gs: Tensor) -> Tensor:
    """Sizes of all that time steps contribute to a linear map's gradient. Shapes: (B, T, d), (B, T, p) to (B,)."""
    seen, slopes = (lengths(part) for part in (xs, gs))
    return seen.mul_(slopes).sum(1)


def underflow(like: Tensor) -> float:
    """What a square may be that is taken for zero."""
    return float(torch.finfo(like.dtype).tiny)


def forming_pays(steps: int, inside: int, outside: int) -> bool:
    """Whether forming every example's gradient of a linear map is quicker than its norm by Gram matrices over time.

    What is formed is read twice more, for norm and sum; Gram matrices need a second product for the sum. Both times
    were measured on a processor's core: a number read twice costs as much as thirteen products.
    """
    return 13 * inside * outside < steps * steps * (inside + outside)


def keeping_saves(steps: int, inside: int, outside: int) -> float:
    """Products that a number saves which is kept of a linear map's gradients: those of the cheaper way to its norm.

    What is not kept needs that and a product for the sum, what is kept only the latter.
    """
    return min(steps, steps * steps * (inside + outside) / (inside * outside))


def product(left: Tensor, right: Tensor, out: Tensor) -> Tensor:
    """Products of matrices, summed in single precision at least. Shapes: (B, n, m) and (B, m, p) to (B, n, p)."""
    if left.dtype in HALF:
        made: Tensor = torch.bmm(left, right, out.dtype, out=out)
        return made
    return torch.bmm(left, right, out=out)
