"""Weight gradients of single examples from the patches of a convolution's input, laid out as columns.

An example's gradient is the product of its output gradient (outputs, places) and its patches (places, inputs * taps).
Patches are copied as they lie in the input, which PyTorch's own unfolding does element by element.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

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
            around = [before, length - size - before, *around]
        return F.pad(x, around) if any(around) else x.contiguous()

    def seen(self) -> tuple[int, ...]:
        """How much of the padded input the places see, by axis."""
        return tuple(
            (places - 1) * step + (taps - 1) * apart + 1
            for places, step, taps, apart in zip(self.places, self.stride, self.kernel, self.dilation, strict=True)
        )

    @property
    def overlaps(self) -> bool:
        """Whether patches share whole rows, so that it pays to lay rows out once."""
        return self.kernel[0] > self.stride[0] and self.dilation[0] == 1


def weight_grads(x: Tensor, g: Tensor, made: Tensor, geometry: Geometry, *, rows: bool) -> None:
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
