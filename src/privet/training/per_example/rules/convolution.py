"""Convolutions and transposed convolutions of one to three dimensions, with groups, dilation and every padding mode.

Gradients of all examples come from one grouped convolution backward, in which examples become groups, from patches
laid out as columns, or from convolving inputs with output gradients. Padding that is not zeros is laid on the input
first, as the layer itself does, so that border cells count as often as they were used.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privet.training.per_example import heap, patches
from privet.training.per_example.patches import Geometry
from privet.training.per_example.rule import Grads, Rule, added_again, lengths, squared_norms, trainable, wide
from privet.training.per_example.scratch import empty

# Which way is quicker depends on the batch's size only roughly.
_MANY = 16
# Bytes: what does not get far from a processor's cache, and what an accelerator has to spare.
_CACHE, _ROOM = 16 << 20, 1 << 30
# And what it spares where memory is short: it is slow with few examples at a time.
_SPARE = 64 << 20
# Examples whose gradients are formed at once for their norms alone.
_FEW = 8
# Rounds of a race, and how many times the quickest's time drops a way from those to come.
_ROUNDS, _HOPELESS = 6, 1.4

Way: TypeAlias = Callable[..., None]


class Convolution(Rule):
    types = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    half = True

    def __init__(self) -> None:
        self._quickest: dict[Any, Way] = {}

    def places(self, x: Tensor, g: Tensor) -> int:
        # Transposed ones use their weights at the places of the input, which are fewer.
        return min(int(part[:1, :1].numel()) for part in (x, g))

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        made: Grads = {}
        if trainable(module, "weight"):
            made["weight"] = self._of_weights(module, x, g)
        if trainable(module, "bias"):
            made["bias"] = wide(g).flatten(2).sum(2)
        return made

    def squared_norms(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        """A few examples at a time: who asks for norms alone has no room for all gradients."""
        x, g = wide(x), wide(g)
        most = _FEW if x.is_cpu else max(_FEW, _SPARE // _bytes(module.weight))
        parts = [
            squared_norms(self.per_example(module, *part)) for part in zip(x.split(most), g.split(most), strict=True)
        ]
        return added_again(torch.cat(parts), self._sizes(module, x, g))

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
        """By the quickest of several ways, which are equal up to rounding; a short race at the first step decides."""
        padded, padding = self._padded(module, x)
        made = empty("weight", (len(x), *module.weight.shape), wide(x[:0]))
        # All of what the layer is: a way of plain convolutions is wrong for transposed ones of the same shapes.
        kind = (type(module), module.stride, module.dilation, module.groups, tuple(padding))
        form = (tuple(module.weight.shape), tuple(padded.shape[1:]), tuple(g.shape[1:]))
        size = len(x) > _MANY if x.is_cpu else len(x).bit_length()
        key = (kind, form, size, x.device.type, x.dtype)
        if key not in self._quickest:
            ways = self._ways(module, padded, g, made)
            self._quickest[key] = _raced(ways, module, padded, g, padding, made) if len(x) else ways[0]
        self._quickest[key](module, padded, g, padding, made)
        return made

    def _ways(self, module: Any, x: Tensor, g: Tensor, made: Tensor) -> list[Way]:
        """Those that may be the quickest."""
        host = x.device.type == "cpu"
        sizes = [None, *(size for size in (8, 1) if host and size < len(x))]
        ways: list[Way] = [partial(self._by_groups, most=size) for size in sizes]
        if host:
            slopes = x if module.transposed else g
            layouts = (False, True) if _geometry(module, [], slopes).overlaps else (False,)
            ways += [partial(self._by_columns, rows=rows) for rows in layouts]
        elif isinstance(module, nn.Conv2d) and module.groups == 1 and len(x) > 0:
            ways.append(self._by_outputs)
        if x.dtype is not made.dtype:
            ways += [partial(self._in_single, way) for way in ways]
        return ways

    def _by_groups(
        self, module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor, *, most: int | None
    ) -> None:
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

    def _by_columns(
        self, module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor, *, rows: bool
    ) -> None:
        """From patches. Transposed ones use their weights at the places of the input."""
        seen, slopes = (g, x) if module.transposed else (x, g)
        patches.weight_grads(seen, slopes, made, _geometry(module, padding, slopes), rows=rows)

    def _by_outputs(self, module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor) -> None:
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

    @staticmethod
    def _in_single(way: Way, module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor) -> None:
        """Of half precision, by a way that takes single."""
        way(module, x.float(), g.float(), padding, made)

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
    size, room = sum(map(_bytes, (x, g, made))), _CACHE if x.is_cpu else _ROOM
    return max(1, len(x)) if size <= room else 32 if x.is_cpu else max(32, room * len(x) // size)


def _bytes(tensor: Tensor) -> int:
    return int(tensor.numel()) * int(tensor.element_size())


def _raced(ways: list[Way], module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor) -> Way:
    """The quickest in turn with the others. Where the caches hold little more than one needs, its times differ much."""
    if x.is_cpu:
        # As it will be in steps to come: else the system's page faults are timed.
        heap.keep()
    times: list[list[float]] = [[] for _ in ways]
    left = list(range(len(ways)))
    while len(left) > 1 and len(times[left[0]]) < _ROUNDS:
        for way in left:
            times[way].append(_seconds(ways[way], module, x, g, padding, made))
        # The first run touches fresh memory.
        quickest = [min(times[way][1:], default=0.0) for way in left]
        left = [way for way, best in zip(left, quickest, strict=True) if best <= _HOPELESS * min(quickest)]
    # What the slower ones needed shall not lie about while others race.
    heap.give_back()
    return ways[left[0] if len(left) == 1 else min(left, key=lambda way: statistics.median(times[way][1:]))]


def _seconds(way: Way, module: Any, x: Tensor, g: Tensor, padding: list[int], made: Tensor) -> float:
    clock = time.thread_time if x.is_cpu and torch.get_num_threads() == 1 else time.perf_counter
    begun = clock()
    way(module, x, g, padding, made)
    if not x.is_cpu:
        # Accelerators work on while the host goes on.
        made[(0,) * made.dim()].item()
    return clock() - begun


RULE = Convolution()
