"""From clipped sums and noise to the gradients that the optimizer steps on."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch._utils import _unflatten_dense_tensors

from privet.core.protocols import NoiseSource
from privet.noise.torch_noise import gaussian_vector

Sums = dict[nn.Parameter, Tensor]


class Gradients(Protocol):
    """The numbers of a step: gradients of all parameters, then the further answers of the clipping.

    ``noise_size`` of the gradients' numbers get their noise from this process.
    """

    @property
    def noise_size(self) -> int: ...

    @property
    def device(self) -> Any: ...

    def draw(self, source: NoiseSource, *, stddev: float) -> Tensor:
        """This process's noise, by one draw of ``source``: ``noise_size`` numbers, then its share of the answers."""
        ...

    def put(
        self, sums: Sums, noise: Tensor, *, answers: list[float], expected: float, facts: tuple[Any, ...]
    ) -> Tensor:
        """Write noisy means as the parameters' gradients and give back the noisy answers.

        ``facts`` must be the same wherever the step is made. Shapes: ``noise`` as from ``draw``; to (answers,).
        """
        ...

    def whole_noise(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """State of the noise for all numbers, where it is saved."""
        ...

    def own_noise(self, state: dict[str, Any]) -> dict[str, Any]:
        """State of this process's noise out of that for all numbers."""
        ...


class WholeGradients:
    """All gradients in one process, which has all parameters whole."""

    def __init__(self, parameters: list[nn.Parameter], *, answers: int) -> None:
        self._parameters, self._answers = parameters, answers
        self.noise_size = sum(parameter.numel() for parameter in parameters)
        self.device = parameters[0].device

    def draw(self, source: NoiseSource, *, stddev: float) -> Tensor:
        size = self.noise_size + self._answers
        made: Tensor = gaussian_vector(size, stddev=stddev, noise=source, device=self.device)
        return made

    def put(
        self, sums: Sums, noise: Tensor, *, answers: list[float], expected: float, facts: tuple[Any, ...]
    ) -> Tensor:
        write_means(self._parameters, sums, noise[: self.noise_size], expected=expected)
        return noise[self.noise_size :] + torch.tensor(answers, device=noise.device) if answers else noise[:0]

    def whole_noise(self, state: dict[str, Any]) -> dict[str, Any] | None:
        return state

    def own_noise(self, state: dict[str, Any]) -> dict[str, Any]:
        return state


def write_means(parameters: list[nn.Parameter], sums: Sums, flat: Tensor, *, expected: float) -> None:
    """Add the sums to ``flat``, which becomes the memory of the gradients, and divide by ``expected``."""
    pieces = _unflatten_dense_tensors(flat, parameters)
    summed = [
        (piece, sums[parameter]) for parameter, piece in zip(parameters, pieces, strict=True) if parameter in sums
    ]
    if summed:
        torch._foreach_add_([piece for piece, _ in summed], [total for _, total in summed])
    flat.mul_(1.0 / expected)
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.grad = piece if parameter.dtype is torch.float32 else piece.to(parameter)
