"""Noisy full-batch descent for a small network on encoded rows: the loop of a study, under the gate.

Gradients of units are normalised, and the learning rate follows rules of public numbers (``defaults.py``); first
weights are drawn from a fixed public seed, so nothing but the noisy gradients knows of the data.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.core.protocols import NoiseSource
from privet.training import defaults
from privet.training.clipping import AutomaticClipping
from privet.training.engine.gradients import Sums, WholeGradients
from privet.training.linear import LabelledRows
from privet.training.models import Layer, NetworkModel
from privet.training.per_example.watch import Watch
from privet.training.plan import FullBatchPlan

# Rows that go through the network at once; it bounds memory and changes nothing else.
_ROWS = 4096
_SEED = 0


def descend_network(
    rows: LabelledRows,
    *,
    plan: FullBatchPlan,
    steps: Iterable[NoiseSource],
    hidden: Sequence[int],
    names: tuple[str, ...],
    scale: float = 1.0,
) -> NetworkModel:
    """Run every step of a plan on private rows; the network may leave only through the run's release.

    Guarantee: each step is a Gaussian mechanism with the plan's noise multiplier on a sum over units of gradients of
    norm below the plan's clip norm, by one draw of the step's permit; the rest is post-processing.
    Shapes: ``hidden`` widths of the layers between rows and answer. Units: rows times ``scale`` go into the network;
    entries of about 1 suit it.
    Errors: InvalidParameter. Reference: Abadi et al. 2016; Bu, Wang, Zha & Karypis 2023 (normalised gradients).
    """
    module = _network(rows.features.shape[1], hidden)
    parameters = list(module.parameters())
    gradients = WholeGradients(parameters, answers=0)
    optimizer = defaults.optimizer_for(module)
    share = defaults.share_of_rate(
        noise_multiplier=float(plan.noise_multiplier),
        expected_batch_size=plan.expected_units,
        parameters=gradients.noise_size,
    )
    pieces = list(_pieces(rows, scale=scale))
    watch, clipper = Watch(module), AutomaticClipping(plan.clip_norm).start()
    for number, noise in enumerate(steps):
        total: Sums = {}
        for piece in pieces:
            _add(total, piece.clipped_sum(watch, clipper))
        # In the unit of the clip norm, so that the learning rate means the same for any.
        expected = plan.expected_units * float(plan.clip_norm)
        fresh = gradients.draw(noise, stddev=float(plan.noise_stddev) / expected)
        gradients.put(total, fresh, answers=[], expected=expected, facts=())
        for group in optimizer.param_groups:
            group["lr"] = defaults.LEARNING_RATE * share * (1 + math.cos(math.pi * number / plan.steps)) / 2
        optimizer.step()
    watch.release()
    return _model(module, names=names, scale=scale)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Whole units. Shapes: ``x`` (n, d), ``y`` (n, 1), ``units`` (n,) from 0, or None if every row is its own."""

    x: Tensor
    y: Tensor
    units: Tensor | None

    def clipped_sum(self, watch: Watch, clipper: Any) -> Sums:
        loss = nn.functional.binary_cross_entropy_with_logits(watch(self.x), self.y, reduction="sum")
        loss.backward()
        sums: Sums = clipper.clip(watch, scale=1.0, units=self.units).sums
        return sums


def _pieces(rows: LabelledRows, *, scale: float) -> Iterator[_Piece]:
    order = np.arange(len(rows)) if rows.units is None else np.argsort(rows.units, kind="stable")
    sorted_units = order if rows.units is None else rows.units[order]
    starts = np.flatnonzero(np.diff(sorted_units, prepend=-1))
    at = 0
    while at < len(order):
        later = starts[starts >= at + _ROWS]
        end = int(later[0]) if len(later) else len(order)
        own = order[at:end]
        units = None if rows.units is None else torch.from_numpy(np.unique(rows.units[own], return_inverse=True)[1])
        x, y = rows.features[own] * scale, rows.labels[own][:, None]
        yield _Piece(torch.from_numpy(x).float(), torch.from_numpy(y).float(), units)
        at = end


def _add(total: Sums, sums: Sums) -> None:
    for parameter, found in sums.items():
        total[parameter] = total[parameter] + found if parameter in total else found


def _network(inside: int, hidden: Sequence[int]) -> nn.Sequential:
    if not hidden or min(hidden) < 1:
        raise InvalidParameter(f"hidden is {list(hidden)}; give at least one layer of at least one unit")
    widths, layers = [inside, *hidden, 1], list[nn.Module]()
    for width, following in itertools.pairwise(widths):
        layers += [nn.Linear(width, following), nn.Tanh()]
    module = nn.Sequential(*layers[:-1])
    generator = torch.Generator().manual_seed(_SEED)
    for layer in module[::2]:
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
    return module


def _model(module: nn.Sequential, *, names: tuple[str, ...], scale: float) -> NetworkModel:
    layers = [
        Layer.of(part.weight.detach().double().numpy(), part.bias.detach().double().numpy()) for part in module[::2]
    ]
    return NetworkModel(tuple(layers), names, scale)
