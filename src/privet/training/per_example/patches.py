"""Weight gradients of single examples from the patches of a convolution's input, or their norms from pairs of patches.

An example's gradient is the product of its output gradient (outputs, places) and its patches (places, inputs * taps).
Patches are copied as they lie in the input, which PyTorch's own unfolding does element by element. The Gram matrix of
patches, which its norm takes, needs no patches: it is a sum of parts of the Gram matrix of the input's cells, one for
each tap.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from privet.training.per_example.gram import squares_of
from privet.training.per_example.scratch import empty

# Bytes of patches that are laid out at once: few enough for the cache, many enough for few calls.
_AT_ONCE = 2 << 20


@dataclass(frozen=True, slots=True)
class Geometry:
    """Of a convolution with zeros for padding: numbers by axis of space, ``places`` those of its output."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]
    places: tuple[int, ...]
    groups: int

    def padded(self, x: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """The input behind its padding, with zeros or cut to these lengths. Shapes: (n, c, ...) to (n, c, *lengths)."""
        around: list[int] = []
        for size, before, length in zip(x.shape[2:], self.padding, lengths, strict=True):
            around = [before, max(0, length - size - before), *around]
        padded = F.pad(x, around) if any(around) else x
        return padded[(..., *map(slice, lengths))]

    def seen(self) -> tuple[int, ...]:
        """How much of the padded input the places see, by axis."""
        return tuple(
            (places - 1) * step + (taps - 1) * apart + 1
            for places, step, taps, apart in zip(self.places, self.stride, self.kernel, self.dilation, strict=True)
        )

    def grid(self) -> tuple[int, ...]:
        """Cells by axis, each as large as a stride: patches begin in the cells of their own places."""
        return tuple(
            places + (taps - 1) * apart // step
            for places, step, taps, apart in zip(self.places, self.stride, self.kernel, self.dilation, strict=True)
        )

    def taps(self) -> dict[tuple[int, ...], list[int]]:
        """By place within a cell: how many cells from the first of its patch each tap there lies."""
        return _taps(self)

    @property
    def reach(self) -> int:
        """Cells from the first place to the last."""
        return sum((places - 1) * along for places, along in zip(self.places, _strides(self.grid()), strict=True)) + 1

    def pairs_may_pay(self, inputs: int, outputs: int) -> bool:
        """Whether pairs of patches need fewer products than gradients."""
        return self.groups == 1 and _products_of_pairs(self, inputs, outputs) < math.prod(
            (*self.kernel, inputs, outputs, *self.places)
        )

    @property
    def overlaps(self) -> bool:
        """Whether patches share whole rows, so that it pays to lay rows out once."""
        return self.kernel[0] > self.stride[0] and self.dilation[0] == 1


def weight_grads(x: Tensor, g: Tensor, made: Tensor, geometry: Geometry, *, rows: bool) -> Tensor:
    """Overwrite ``made``; ``rows`` lays out rows of patches first, and columns from these, if patches overlap.

    Shapes: (n, inputs, ...), (n, outputs, *places) to (n, outputs, inputs / groups, *kernel).
    """
    taps, places = math.prod(geometry.kernel), math.prod(geometry.places)
    lay = _by_rows if rows else _laid
    most = max(1, _AT_ONCE // max(1, x.shape[1] * taps * places * x.element_size()))
    for at in range(0, len(x), most):
        part, out, into = (tensor[at : at + most] for tensor in (x, g, made))
        columns = empty("columns", (len(part), x.shape[1], *geometry.kernel, *geometry.places), x, lasting=False)
        lay(part, columns, geometry)
        count = len(part) * geometry.groups
        torch.bmm(
            out.reshape(count, -1, places),
            columns.view(count, -1, places).transpose(1, 2),
            out=into.view(count, -1, into[0, 0].numel()),
        )
    return made


def _laid(x: Tensor, columns: Tensor, geometry: Geometry) -> None:
    padded = geometry.padded(x, geometry.seen())
    example, channel, *steps = padded.stride()
    taps = [step * apart for step, apart in zip(steps, geometry.dilation, strict=True)]
    places = [step * stride for step, stride in zip(steps, geometry.stride, strict=True)]
    columns.copy_(padded.as_strided(columns.shape, (example, channel, *taps, *places)))


def _by_rows(x: Tensor, columns: Tensor, geometry: Geometry) -> None:
    """A row of the kernel sees every ``stride``-th row of the input, and rows ``stride`` apart see the same ones.

    Shapes: rows (n, inputs, one of ``stride`` kinds, taps of a row, rows of the kind * places of a row).
    """
    (high, *kernel), (stride, *strides) = geometry.kernel, geometry.stride
    kinds, apart, row = min(stride, high), (high - 1) // stride, math.prod(geometry.places[1:])
    lines = geometry.places[0] + apart
    padded = geometry.padded(x, (lines * stride, *geometry.seen()[1:]))
    example, channel, line, *steps = padded.stride()
    taps = [step * gap for step, gap in zip(steps, geometry.dilation[1:], strict=True)]
    along = [step * gap for step, gap in zip(steps, strides, strict=True)]
    shape = (len(x), x.shape[1], kinds, *kernel, lines, *geometry.places[1:])
    rows = empty("rows", shape, x, lasting=False)
    rows.copy_(padded.as_strided(shape, (example, channel, line, *taps, line * stride, *along)))
    rows = rows.view(len(x), x.shape[1], kinds, math.prod(kernel), lines * row)
    columns = columns.view(len(x), x.shape[1], high, math.prod(kernel), geometry.places[0] * row)
    for at in range(apart + 1):
        kind = min(kinds, high - at * stride)
        columns[:, :, at * stride : at * stride + kind] = rows[:, :, :kind, :, at * row :][..., : columns.shape[-1]]


def gram_squares(x: Tensor, g: Tensor, geometry: Geometry) -> Tensor:
    """Squared norms of each example's weight gradient, of a convolution in one group.

    Shapes: (n, inputs, ...), (n, outputs, *places) to (n,).
    """
    grid, reach, taps = geometry.grid(), geometry.reach, geometry.taps()
    around = [more for cells, places in zip(grid, geometry.places, strict=True) for more in (cells - places, 0)]
    most = max(1, _AT_ONCE // (math.prod(grid) ** 2 * x.element_size()))
    found = []
    for part, slopes in zip(x.split(most), g.split(most), strict=True):
        # Cells between the places have gradients of zero.
        slopes = F.pad(slopes, around[::-1]).flatten(2)[:, :, :reach]
        other = torch.bmm(slopes.transpose(1, 2), slopes)
        padded = geometry.padded(part, tuple(map(operator.mul, grid, geometry.stride)))
        seen = torch.zeros_like(other)
        for phase, offsets in taps.items():
            at = (slice(begin, None, step) for begin, step in zip(phase, geometry.stride, strict=True))
            cells = padded[(..., *at)].flatten(2)
            gram = torch.bmm(cells.transpose(1, 2), cells)
            for offset in offsets:
                seen.add_(gram[:, offset : offset + reach, offset : offset + reach])
        found.append(squares_of(seen, other, x.shape[1] * math.prod(geometry.kernel), g.shape[1]))
    return torch.cat(found) if found else g.new_zeros(0)


def _strides(lengths: tuple[int, ...]) -> list[int]:
    return [math.prod(lengths[axis + 1 :]) for axis in range(len(lengths))]


# Asked for in every step.
@functools.lru_cache(maxsize=256)
def _products_of_pairs(geometry: Geometry, inputs: int, outputs: int) -> int:
    return len(geometry.taps()) * math.prod(geometry.grid()) ** 2 * inputs + geometry.reach**2 * outputs


@functools.lru_cache(maxsize=256)
def _taps(geometry: Geometry) -> dict[tuple[int, ...], list[int]]:
    along, found = _strides(geometry.grid()), dict[tuple[int, ...], list[int]]()
    for tap in itertools.product(*map(range, geometry.kernel)):
        at = [number * apart for number, apart in zip(tap, geometry.dilation, strict=True)]
        phase = tuple(number % step for number, step in zip(at, geometry.stride, strict=True))
        cells = [number // step for number, step in zip(at, geometry.stride, strict=True)]
        found.setdefault(phase, []).append(sum(map(operator.mul, cells, along)))
    return found
