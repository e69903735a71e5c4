"""Gradients of parameters that every rank has whole: sums of all ranks meet in one buffer, with noise once."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.core.protocols import NoiseSource
from privet.noise.torch_noise import fill_gaussian_part_
from privet.training.distributed.ranks import Ranks, RanksDiffer

Sums = dict[nn.Parameter, Tensor]

# Four words of 12 bits: small enough that single precision adds up those of four thousand ranks exactly.
_WORDS, _BITS = 4, 12
_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class ReplicatedGradients:
    """Gradients in the order of ``parameters``, then the further answers: one vector, one sum over ranks a step.

    Guarantee: every number of the vector gets noise from one rank alone, so once in total; all ranks get the same
    bits. If they differ in parameters or ``facts`` before the step, all raise RanksDiffer and nobody steps.
    """

    def __init__(self, parameters: list[nn.Parameter], *, answers: int, ranks: Ranks, device: Any = None) -> None:
        self._parameters, self._answers, self._ranks = parameters, answers, ranks
        self.size = sum(parameter.numel() for parameter in parameters)
        self.device = parameters[0].device if device is None else device
        require_backend(self.device, str(dist.get_backend_config()))
        whole = self.size + answers
        self._begin, self._end = (whole * at // ranks.count for at in (ranks.rank, ranks.rank + 1))

    @property
    def noise_size(self) -> int:
        return len(range(min(self._begin, self.size), min(self._end, self.size)))

    @property
    def drawn(self) -> int:
        """Numbers of the vector whose noise is this rank's: its part of the gradients, then of the answers."""
        return len(range(self._begin, self._end))

    def draw(self, source: NoiseSource, *, stddev: float) -> Tensor:
        made = torch.empty(self.drawn, device=self.device, dtype=torch.float32)
        filled: Tensor = fill_gaussian_part_(made, part=self._ranks.rank, stddev=stddev, noise=source)
        return filled

    def put(
        self, sums: Sums, noise: Tensor, *, answers: list[float], expected: float, facts: tuple[Any, ...]
    ) -> Tensor:
        flat = torch.zeros(self.size + self._answers + _WORDS, device=self.device, dtype=torch.float32)
        flat[self._begin : self._end] = noise
        self._add(flat, sums, expected)
        flat[self.size : self.size + self._answers] += torch.tensor(answers, device=self.device)
        flat[-_WORDS:] = self._fingerprint(facts)
        self._ranks.sum_(flat)
        self._require_same(flat[-_WORDS:])
        self._write(flat[: self.size])
        return flat[self.size : self.size + self._answers]

    def positions(self) -> Tensor:
        """Which numbers of the gradients have their noise from this rank."""
        return torch.arange(min(self._begin, self.size), min(self._end, self.size))

    def whole_noise(self, state: dict[str, Any]) -> dict[str, Any] | None:
        return gathered_noise(self._ranks, state, self.positions(), self.size)

    def own_noise(self, state: dict[str, Any]) -> dict[str, Any]:
        return own_noise(state, self.positions())

    def _add(self, flat: Tensor, sums: Sums, expected: float) -> None:
        for parameter, piece in zip(self._parameters, self._pieces(flat), strict=True):
            if parameter in sums:
                piece.add_(sums[parameter].to(piece), alpha=1.0 / expected)

    def _write(self, flat: Tensor) -> None:
        for parameter, piece in zip(self._parameters, self._pieces(flat), strict=True):
            parameter.grad = piece.to(parameter)

    def _pieces(self, flat: Tensor) -> list[Tensor]:
        sizes = [parameter.numel() for parameter in self._parameters]
        pieces = flat[: self.size].split(sizes)
        return [piece.view(p.shape) for piece, p in zip(pieces, self._parameters, strict=True)]

    def _fingerprint(self, facts: tuple[Any, ...]) -> Tensor:
        """Words that add up to zero if all ranks have the same: the first rank's count as often as all others'."""
        print_of = hashlib.sha256(repr((facts, fingerprint(self._parameters))).encode()).digest()
        bits = int.from_bytes(print_of, "big")
        words = [(bits >> (_BITS * at)) & ((1 << _BITS) - 1) for at in range(_WORDS)]
        weight = self._ranks.count - 1 if self._ranks.first else -1
        return torch.tensor([float(word * weight) for word in words])

    def _require_same(self, words: Tensor) -> None:
        if any(words.tolist()):
            raise RanksDiffer(
                "the ranks have come to different parameters, batches, clip norms or noise; nobody has stepped. Change "
                "optimizer, schedules and parameters on every rank alike, and go on from the last checkpoint"
            )


def require_backend(device: Any, backends: str) -> None:
    """Refuse parameters where the process group cannot add up.

    >>> require_backend(torch.device("cpu"), "cuda:nccl")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    privet.core.errors.InvalidParameter: the parameters are on cpu, but the process group is cuda:nccl; ...
    """
    if f"{device.type}:" not in backends:
        raise InvalidParameter(
            f"the parameters are on {device.type}, but the process group is {backends}; move the module, or begin the "
            "group with a backend for it: gloo for the CPU, nccl for GPUs"
        )


def fingerprint(tensors: list[Any]) -> list[int]:
    """A number for each tensor that tells almost any change of its bits, without taking it off its device."""
    sums = [one.detach().view(_INTEGERS[one.element_size()]).sum(dtype=torch.int64) for one in tensors]
    found: list[int] = torch.stack(sums).tolist() if sums else []
    return found


def gathered_noise(ranks: Ranks, state: dict[str, Any], positions: Tensor, size: int) -> dict[str, Any] | None:
    """State of the noise of all ranks together, on the first; its tensors have the gradient's numbers last."""
    if not any(isinstance(value, Tensor) for value in state.values()):
        return state
    cpu = {name: value.cpu() if isinstance(value, Tensor) else value for name, value in state.items()}
    parts = ranks.to_first("saving", (positions, cpu))
    if parts is None:
        return None
    whole = {
        name: value.new_zeros(*value.shape[:-1], size) if isinstance(value, Tensor) else value
        for name, value in cpu.items()
    }
    for at, part in parts:
        for name, value in part.items():
            if isinstance(value, Tensor):
                whole[name][..., at] = value
    return whole


def own_noise(state: dict[str, Any], positions: Tensor) -> dict[str, Any]:
    """The part of a state for all numbers that belongs to these."""
    return {name: value[..., positions] if isinstance(value, Tensor) else value for name, value in state.items()}
