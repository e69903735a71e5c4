"""Pictures of nobody: shapes laid one upon another, which have the edges and corners of real ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from privet.core.errors import InvalidParameter

_SHAPES = 6  # that may cover one another
_CHOICES = 9  # numbers that say what one shape is


def dead_leaves(count: int, *, size: int = 28) -> Tensor:
    """Pictures of ellipses and boxes, plain or striped, that hide one another; always the same ones.

    Guarantee: they are made from arithmetic alone, so what is learned from them is public. No chance is used: the
    shapes follow a Kronecker sequence, which fills the space of shapes evenly.
    Shapes: (count, 1, size, size). Units: brightness in [0, 1].
    Errors: InvalidParameter. Reference: Lee, Mumford & Huang 2001 (such pictures have the statistics of natural ones);
    Baradad, Wulff, Wang, Isola & Torralba 2021 for learning from them.

    >>> pictures = dead_leaves(3, size=16)
    >>> pictures.shape, bool((pictures >= 0).all() and (pictures <= 1).all())
    (torch.Size([3, 1, 16, 16]), True)
    """
    if count < 1 or size < 1:
        raise InvalidParameter(f"count is {count} and size {size}; give whole numbers of at least 1")
    choices = _kronecker(count, _SHAPES * _CHOICES).view(count, _SHAPES, _CHOICES, 1, 1)
    places = torch.arange(size, dtype=torch.float64) + 0.5
    down, across = places[:, None], places[None, :]
    made = torch.zeros(count, size, size, dtype=torch.float64)
    for shape in choices.unbind(1):
        inside, brightness = _shape(shape, down, across, size)
        made = made * (1 - inside) + brightness * inside
    return made.float()[:, None]


def _shape(choices: Tensor, down: Tensor, across: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """How far each pixel is inside, and how bright the shape is there. Shapes: (count, size, size) both."""
    y, x, turn, long, short, kind, light, stripes, phase = choices.unbind(1)
    angle = math.pi * turn
    along = (across - size * x) * angle.cos() + (down - size * y) * angle.sin()
    aside = (down - size * y) * angle.cos() - (across - size * x) * angle.sin()
    half_long, half_short = size * (0.04 + 0.4 * long), size * (0.04 + 0.4 * short)
    ellipse = ((along / half_long) ** 2 + (aside / half_short) ** 2).sqrt()
    box = torch.maximum(along.abs() / half_long, aside.abs() / half_short)
    apart = torch.where(kind < 0.5, ellipse, box)
    inside = torch.sigmoid(2 * torch.minimum(half_long, half_short) * (1 - apart))
    wave = torch.sin(2 * stripes * along + 2 * math.pi * phase)
    # A fifth are black, and so uncover the background again.
    bright = torch.where(light < 0.2, torch.zeros_like(light), light) * (0.75 + 0.25 * wave)
    return inside, bright


def _kronecker(count: int, dimensions: int) -> Tensor:
    """Fractional parts of multiples of square roots of primes. Shapes: (count, dimensions), in [0, 1)."""
    primes = [number for number in range(2, 400) if all(number % d for d in range(2, math.isqrt(number) + 1))]
    roots = torch.tensor(primes[:dimensions], dtype=torch.float64).sqrt()
    return torch.arange(1, count + 1, dtype=torch.float64)[:, None] * roots % 1
