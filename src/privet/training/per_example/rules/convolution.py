"""Convolutions and transposed convolutions of one to three dimensions, with groups, dilation and every padding mode.

Gradients of all examples come from one grouped convolution backward, in which examples become groups, from patches
laid out as columns, or from convolving inputs with output gradients. Padding that is not zeros is laid on the input
first, as the layer itself does, so that border cells count as often as they were used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privet.training.per_example import patches
from privet.training.per_example.gram import added_again
from privet.training.per_example.patches import Geometry
from privet.training.per_example.race import quickest
from privet.training.per_example.rule import (
    Grads,
    Rule,
    lengths,
    row_squares,
    squared_norms,
    trainable,
    weighted_sum,
    wide,
)
from privet.training.per_example.scratch import Scratch, empty

# Which way is quicker depends on the batch's size only roughly.
_MANY = 16
# Bytes: what does not get far from a processor's cache, and what an accelerator has to spare.
_CACHE, _ROOM = 8 << 20, 1 << 30
# Channels that libraries lay out together.
_BLOCK = 16
# And what a device spares where memory is short: it is slow with few examples at a time.
_SPARE = 64 << 20
# Examples whose gradients are formed at once for their norms alone.
_FEW = 8

Way: TypeAlias = Callable[..., Tensor]


class Convolution(Rule):
    types = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    half = True

    def __init__(self) -> None:
        # By layer and shapes: the numbers of the ways that won.
        self._won: dict[Any, int] = {}

    def direct(self, module: Any, x: Tensor, g: Tensor) -> bool:
        """Where an example has few places, pairs of these and another product for the sum may be quicker."""
        if not self._pairs_may_pay(module, x, g):
            return True
        factors = g.new_ones(len(g))

        def by_gradients() -> Tensor:
            each = self.per_example(module, x, g)
            squared_norms(each)
            return weighted_sum(each["weight"], factors)

        def by_pairs() -> Tensor:
            self._by_pairs(module, x, g)
            return self.weighted(module, x, g, factors)["weight"]

        return self._choice("kept", module, x, g, [by_gradients, by_pairs]) == 0

    def saves(self, x: Tensor, g: Tensor) -> float:
        """As many as an example has places; those of transposed ones are the input's, which are fewer."""
        return min(int(part[:1, :1].numel()) for part in (x, g))

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        made: Grads = {}
        if trainable(module, "weight"):
            made["weight"] = self._of_weights(module, x, g)
        if trainable(module, "bias"):
            made["bias"] = wide(g).flatten(2).sum(2)
        return made

    def squared_norms(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        x, g = wide(x), wide(g)
        ways = [partial(self._few_at_a_time, module, x, g)]
        if self._pairs_may_pay(module, x, g):
            ways.append(partial(self._by_pairs, module, x, g))
        return added_again(ways[self._choice("norms", module, x, g, ways)](), self._sizes(module, x, g))

    def _few_at_a_time(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        """Who asks for norms alone has no room for all gradients."""
        most = _FEW if x.is_cpu else max(_FEW, _SPARE // _bytes(module.weight))
        parts = zip(x.split(most), g.split(most), strict=True)
        return torch.cat([squared_norms(self.per_example(module, *part)) for part in parts])

    def _by_pairs(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        padded, padding = self._padded(module, x)
        seen, slopes = (g, padded) if module.transposed else (padded, g)
        found = patches.gram_squares(seen, slopes, _geometry(module, padding, slopes))
        return found + row_squares(g.flatten(2).sum(2)) if trainable(module, "bias") else found

    def _pairs_may_pay(self, module: Any, x: Tensor, g: Tensor) -> bool:
        slopes = x if module.transposed else g
        shape = _geometry(module, [], slopes)
        return x.is_cpu and len(x) > 0 and trainable(module, "weight") and shape.pairs_may_pay(*module.weight.shape[:2])

    def _sizes(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        """Sizes of what all places contribute, at most: each tap of the kernel meets inputs and gradients once.

        Shapes: to (B,).
        """
        padded, _ = self._padded(module, x)
        taps, places = module.weight[0, 0].numel(), g[:1, 0].numel()
        seen, slopes = (lengths(part.flatten(1)) for part in (padded, g))
        return slopes * (seen * math.sqrt(taps) + math.sqrt(places))

    def weighted(self, module: Any, x: Tensor, g: Tensor, factors: Tensor) -> Grads:
        x, g = wide(x), wide(g)
        scaled = g * factors.to(g.dtype).view(-1, *[1] * (g.dim() - 1))
        made: Grads = {}
        if trainable(module, "weight"):
            padded, padding = self._padded(module, x)
            made["weight"] = self._backward(
                module, padded, scaled, module.weight.detach().to(x.dtype), padding, module.groups
            )
        if trainable(module, "bias"):
            made["bias"] = scaled.flatten(2).sum((0, 2))
        return made

    def _of_weights(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        """By the quickest of several ways, which are equal up to rounding."""
        padded, padding = self._padded(module, x)
        made = empty("weight", (len(x), *module.weight.shape), wide(x[:0]))
        ways = [partial(way, module, padded, g, padding, made) for way in self._ways(module, padded, g, made)]
        ways[self._choice("gradients", module, x, g, ways) if len(x) else 0]()
        return made

    def _choice(self, what: str, module: Any, x: Tensor, g: Tensor, ways: Sequence[Callable[[], Tensor]]) -> int:
        """The number of the quickest way; a short race at the first step decides."""
        # All of what the layer is: a way of plain convolutions is wrong for transposed ones of the same shapes.
        kind = (type(module), module.stride, module.dilation, module.groups, module.padding, module.padding_mode)
        form = (tuple(module.weight.shape), tuple(x.shape[1:]), tuple(g.shape[1:]))
        size = len(x) > _MANY if x.is_cpu else len(x).bit_length()
        key = (what, kind, form, size, x.device.type, x.dtype)
        if key not in self._won:
            # In the precision that things are in, as what is kept is made.
            with torch.no_grad(), torch.autocast(x.device.type, enabled=False), Scratch().used():
                self._won[key] = quickest(ways)
        return self._won[key]

    def _ways(self, module: Any, x: Tensor, g: Tensor, made: Tensor) -> list[Way]:
        """Those that may be the quickest."""
        host = x.device.type == "cpu"
        # The same ways for all batches that share a race.
        sizes = (None,) if not host else (None, 8, 1) if len(x) > _MANY else (None, 1)
        ways: list[Way] = [partial(self._by_groups, most=size) for size in sizes]
        if host:
            slopes = x if module.transposed else g
            layouts = (False, True) if _geometry(module, [], slopes).overlaps else (False,)
            ways += [partial(self._by_columns, rows=rows) for rows in layouts]
        elif isinstance(module, nn.Conv2d) and module.groups == 1:
            ways.append(self._by_outputs)
        if x.dtype is not made.dtype:
            ways += [partial(self._in_single, way) for way in ways]
        return ways

    def _by_groups(
        self, module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor, *, most: int | None
    ) -> Tensor:
        """Every example is a group of its own, so many at a time: (1, n * channels, ...)."""
        weight = module.weight.detach().to(x.dtype)
        most = most or _fitting(x, g, made)
        for at in range(0, len(x), most):
            part, out, into = (tensor[at : at + most] for tensor in (x, g, made))
            count = len(part)
            merged, out = part.reshape(1, -1, *x.shape[2:]), out.reshape(1, -1, *g.shape[2:])
            # Only the shape of the weights counts.
            like = weight[:1, :1].expand(count * len(weight), *weight.shape[1:])
            found = self._backward(module, merged, out, like, padding, module.groups * count)
            into.copy_(found.view_as(into))
        return made

    def _by_columns(self, module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor, *, rows: bool) -> Tensor:
        """From patches. Transposed ones use their weights at the places of the input."""
        seen, slopes = (g, x) if module.transposed else (x, g)
        return patches.weight_grads(seen, slopes, made, _geometry(module, padding, slopes), rows=rows)

    def _by_outputs(self, module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor) -> Tensor:
        """Every example's input is convolved with its own output gradient, channel by channel; stride dilates it.

        Shapes: (channels, n, ...) with weights (n * outputs, 1, ...) to (channels, n * outputs, kernel or more).
        """
        high, broad = module.weight.shape[2:]
        most = _fitting(x, g, made)
        for at in range(0, len(x), most):
            part, out, into = (tensor[at : at + most] for tensor in (x, g, made))
            seen, weights = part.transpose(0, 1), out.reshape(-1, 1, *g.shape[2:])
            found = F.conv2d(seen, weights, None, module.dilation, padding, module.stride, len(part))
            into.copy_(found[:, :, :high, :broad].unflatten(1, (len(part), -1)).movedim(0, 2))
        return made

    @staticmethod
    def _in_single(way: Way, module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor) -> Tensor:
        """Of half precision, by a way that takes single."""
        return way(module, x.float(), g.float(), padding, made)

    @staticmethod
    def _padded(module: Any, x: Tensor) -> tuple[Tensor, list[int]]:
        """The input as the bare convolution sees it, and the padding that is left to it."""
        if isinstance(module.padding, str) or module.padding_mode != "zeros":
            mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
            around = module._reversed_padding_repeated_twice
            return F.pad(x, around, mode=mode), [0] * (x.dim() - 2)
        return x, list(module.padding)

    @staticmethod
    def _backward(module: Any, x: Tensor, g: Tensor, weight: Tensor, padding: list[int], groups: int) -> Tensor:
        _, found, _ = torch.ops.aten.convolution_backward(
            g,
            x,
            weight,
            None,
            list(module.stride),
            padding,
            list(module.dilation),
            module.transposed,
            list(module.output_padding),
            groups,
            [False, True, False],
        )
        result: Tensor = found
        return result


def _geometry(module: Any, padding: list[int], slopes: Tensor) -> Geometry:
    return Geometry(
        module.kernel_size, module.stride, module.dilation, tuple(padding), tuple(slopes.shape[2:]), module.groups
    )


def _fitting(x: Tensor, g: Tensor, made: Tensor) -> int:
    """Examples at once: all, where there is room for their memory a second time."""
    if not x.is_cpu:
        size = sum(map(_bytes, (x, g, made)))
        return max(1, len(x)) if size <= _ROOM else max(32, _ROOM * len(x) // size)
    # Libraries lay a group's channels out in blocks, filled up with zeros.
    size = sum(_bytes(part) * max(1, _BLOCK // part.shape[axis]) for part, axis in ((x, 1), (g, 1), (made, 2)))
    return max(1, len(x)) if size <= _CACHE else 32


def _bytes(tensor: Tensor) -> int:
    return int(tensor.numel()) * int(tensor.element_size())


RULE = Convolution()
