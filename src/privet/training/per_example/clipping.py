"""Clipped sums: every example's gradient scaled down to a norm, whatever the example holds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from privet.training.per_example import chain_sum
from privet.training.per_example.reading import ByParameter, Differentiated, Reader, Ruled
from privet.training.per_example.rule import only, weighted_sum
from privet.training.per_example.rules.chain import Seen

Factors: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class ClippedSum:
    """``sums`` of the clipped gradients by parameter (none for one not used), ``norms`` before clipping (B,)."""

    sums: ByParameter
    norms: Tensor


def clipped_sum(reader: Reader, *, clip_norm: float, scale: float = 1.0) -> ClippedSum:
    """Sum of the recorded examples' gradients, each scaled down to a norm of at most ``clip_norm``.

    Guarantee: one example, added or removed, changes the sums by at most ``clip_norm`` in L2 norm over all parameters
    together, whatever it holds; one whose gradient is not finite contributes zero and harms no other.
    ``scale`` turns recorded gradients into those of single losses: the batch's size where the loss was a mean.
    Reference: Abadi et al. 2016, Algorithm 1; Bu, Wang, Zha & Karypis 2023 (one backward pass).
    """
    return factored_sum(reader, partial(clip_factors, clip_norm=clip_norm), scale=scale)


def factored_sum(reader: Reader, factors_of: Factors, *, scale: float = 1.0) -> ClippedSum:
    """Sum of the recorded examples' gradients, each multiplied by what ``factors_of`` says of their norms.

    Guarantee: that of the factors, which must be zero for a norm that is not finite. Shapes: (B,) to (B,).
    """
    with torch.no_grad(), reader.scratch.used():
        seen = [] if reader.kept else chain_sum.of_call(reader.calls)
        if seen:
            found = chain_sum_of(seen, factors_of, scale=scale, own=False)
            if found is not None:
                return found
        quick = _quick(reader)
        norms = _norms([*reader.squares, *(part.squares() for part in quick)], scale)
        if _runs_ahead(norms):
            # All is begun before anybody waits for the device to say whether it was right.
            finite, sums = norms.isfinite().all(), _sums(quick, reader.kept, factors_of(norms) * scale, None)
            if bool(finite):
                return ClippedSum(sums, norms)
        if quick and not bool(norms.isfinite().all()):
            # Shorter ways to a norm may overflow where the gradient itself does not.
            for part in quick:
                reader.keep(part)
            quick, norms = [], _norms(reader.squares, scale)
        factors = factors_of(norms) * scale
        good = factors > 0
        return ClippedSum(_sums(quick, reader.kept, factors, None if bool(good.all()) else good), norms)


def _runs_ahead(norms: Tensor) -> bool:
    """Whether the host begins work before the device has done what came before."""
    return not norms.is_cpu


def chain_sum_of(seen: list[Seen], factors_of: Factors, *, scale: float, own: bool) -> ClippedSum | None:
    """The same of a chain's layers; None if an example's norm is not finite."""
    norms = chain_sum.norms_of(seen, scale=scale)
    if norms is None:
        return None
    factors = factors_of(norms)
    return ClippedSum(chain_sum.weighted(seen, factors if scale == 1.0 else factors.mul_(scale), own=own), norms)


def _quick(reader: Reader) -> list[Ruled]:
    """Calls whose examples' gradients need not be formed; those of all others are, and are kept."""
    rest = reader.rest()
    used, shared = set(reader.kept), set()
    for part in rest:
        own = part.parameters.values()
        shared.update(used.intersection(own))
        used.update(own)
    found = []
    for part in rest:
        if isinstance(part, Differentiated) or not shared.isdisjoint(part.parameters.values()):
            reader.keep(part)
        else:
            found.append(part)
    return found


def _norms(squares: list[Tensor], scale: float) -> Tensor:
    if not squares:
        return torch.zeros(0)
    total = squares[0] if len(squares) == 1 else torch.stack(squares).sum(0)
    return total.sqrt() * scale


def grads_of_examples(reader: Reader) -> ByParameter:
    """Every recorded example's gradient by parameter, as it is. Shapes: (B, *parameter)."""
    with torch.no_grad():
        for part in reader.rest():
            reader.keep(part)
        return reader.kept


def clip_factors(norms: Tensor, *, clip_norm: float) -> Tensor:
    """min(1, C / norm) for each example; zero for one whose norm is not finite.

    >>> clip_factors(torch.tensor([0.5, 4.0, float("nan")]), clip_norm=1.0)
    tensor([1.0000, 0.2500, 0.0000])
    """
    limit = clip_norm * (1 - 1e-6)  # rounding of the sums must not carry an example above the clip
    # Dividing the limit by a huge norm would give a number too small to be rounded well: above the clip again.
    return norms.div(_number(limit)).clamp_min_(1.0).reciprocal_().nan_to_num_(0.0)


@functools.lru_cache(maxsize=8)
def _number(value: float) -> Tensor:
    """For every device; an operation with a number of Python's makes one each time."""
    return torch.tensor(value, dtype=torch.float64, device="cpu")


def _sums(quick: list[Ruled], kept: ByParameter, factors: Tensor, good: Tensor | None) -> ByParameter:
    """``good`` says which examples may be looked at; None: all."""
    sums = {
        parameter: weighted_sum(grad if good is None else only(grad, good), factors) for parameter, grad in kept.items()
    }
    for part in quick:
        sums |= part.weighted(factors, good)
    return sums
