"""Gradients of parameters of which every rank has a part: clipped sums meet there, with noise for the part alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.core.protocols import NoiseSource
from privet.noise.torch_noise import fill_gaussian_part_
from privet.training.distributed.ranks import Ranks, lost_rank
from privet.training.distributed.replicated import ReplicatedGradients, gathered_noise, own_noise
from privet.training.distributed.shards import Sharding, chunks, from_local, is_sharded

Sums = dict[nn.Parameter, Tensor]


class ShardedGradients:
    """Sums of whole gradients go to the ranks that have the parts; what is not sharded is summed as replicated.

    Guarantee: every number of the gradients, and of the further answers, gets noise from one rank alone. Where shards
    have replicas, those have the same bits.
    Errors: InvalidParameter for parameters laid out in other ways, or in several.
    """

    def __init__(self, parameters: list[nn.Parameter], *, answers: int, ranks: Ranks) -> None:
        self._parameters, self._ranks = parameters, ranks
        self._sharded = [parameter for parameter in parameters if is_sharded(parameter)]
        layouts = {Sharding.of(parameter, ranks=ranks.count) for parameter in self._sharded}
        if len(layouts) != 1:
            raise InvalidParameter("the parameters are sharded over several meshes; use one for all")
        self._sharding = layouts.pop()
        self.device = self._sharding.device
        plain = [parameter for parameter in parameters if not is_sharded(parameter)]
        self._rest = ReplicatedGradients(plain, answers=answers, ranks=ranks, device=self.device)
        self._local = [self._cut(parameter)[self._sharding.own].shape for parameter in self._sharded]
        self._padded = [self._cut(parameter)[0].numel() for parameter in self._sharded]
        self._size = sum(shape.numel() for shape in self._local) if self._sharding.answers else 0

    @property
    def noise_size(self) -> int:
        return self._size + self._rest.noise_size

    def draw(self, source: NoiseSource, *, stddev: float) -> Tensor:
        made = torch.empty(self._size + self._rest.drawn, device=self.device, dtype=torch.float32)
        filled: Tensor = fill_gaussian_part_(made, part=self._ranks.rank, stddev=stddev, noise=source)
        return filled

    def put(
        self, sums: Sums, noise: Tensor, *, answers: list[float], expected: float, facts: tuple[Any, ...]
    ) -> Tensor:
        # First what tells whether the ranks agree.
        noisy = self._rest.put(sums, noise[self._size :], answers=answers, expected=expected, facts=facts)
        with lost_rank("a step"):
            own = self._sharding.scattered_sum(self._rows(sums))
            pieces = self._unpadded(own.mul_(1.0 / expected))
            if self._sharding.answers:
                own_noise_of = noise[: self._size].split([shape.numel() for shape in self._local])
                for piece, part in zip(pieces, own_noise_of, strict=True):
                    piece.add_(part.view(piece.shape))
            self._sharding.replicas_sum_(own)
        for parameter, piece in zip(self._sharded, pieces, strict=True):
            parameter.grad = from_local(piece, parameter)
        return noisy

    def positions(self) -> Tensor:
        """Which numbers of all gradients, in the order of ``parameters``, have their noise from this rank."""
        sizes = [parameter.numel() for parameter in self._parameters]
        whole = dict(zip(self._parameters, torch.arange(sum(sizes)).split(sizes), strict=True))
        sharded = [self._own(whole[p].view(p.shape), p).flatten() for p in self._sharded] if self._size else []
        plain = [whole[p] for p in self._parameters if not is_sharded(p)]
        rest = torch.cat(plain)[self._rest.positions()] if plain else torch.zeros(0, dtype=torch.int64)
        return torch.cat([*sharded, rest])

    def whole_noise(self, state: dict[str, Any]) -> dict[str, Any] | None:
        size = sum(parameter.numel() for parameter in self._parameters)
        return gathered_noise(self._ranks, state, self.positions(), size)

    def own_noise(self, state: dict[str, Any]) -> dict[str, Any]:
        return own_noise(state, self.positions())

    def _own(self, whole: Tensor, like: Any) -> Tensor:
        return chunks(whole, like, self._sharding.parts)[self._sharding.own]

    def _cut(self, parameter: Any) -> list[Tensor]:
        """The parts' shapes alone."""
        return chunks(torch.empty(parameter.shape, device="meta"), parameter, self._sharding.parts)

    def _rows(self, sums: Sums) -> Tensor:
        """One row for each shard: its chunk of every parameter's sum, filled up to the size of the first shard's."""
        parts = self._sharding.parts
        rows = torch.zeros(parts, sum(self._padded), device=self.device)
        for parameter, columns in zip(self._sharded, rows.split(self._padded, 1), strict=True):
            if parameter in sums:
                for row, chunk in zip(columns, chunks(sums[parameter], parameter, parts), strict=True):
                    row[: chunk.numel()] = chunk.flatten()
        return rows

    def _unpadded(self, own: Tensor) -> list[Tensor]:
        """Views of this rank's chunks in its row."""
        found = zip(own.split(self._padded), self._local, strict=True)
        return [piece[: shape.numel()].view(shape) for piece, shape in found]
