"""From clipped sums and noise to the gradients that the optimizer steps on."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from privet.core.protocols import NoiseSource
from privet.noise.torch_noise import fill_gaussian_array, gaussian_vector

Sums = dict[nn.Parameter, Tensor]
Place: TypeAlias = tuple[tuple[int, ...], tuple[int, ...], int]
# Noisy answers where there are none.
_NONE = torch.empty(0)


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

        Means are sums divided by ``expected``; ``noise`` is that of the means, and may become their memory. ``facts``
        must be the same wherever the step is made. Shapes: ``noise`` as from ``draw``; to (answers,).
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
        self.device = parameters[0].device
        self._places, self.noise_size = _places(parameters)
        self._kept: tuple[Tensor, list[Tensor]] | None = None

    def draw(self, source: NoiseSource, *, stddev: float) -> Tensor:
        size = self.noise_size + self._answers
        made: Tensor = gaussian_vector(size, stddev=stddev, noise=source, device=self.device)
        return made

    def put(
        self, sums: Sums, noise: Tensor, *, answers: list[float], expected: float, facts: tuple[Any, ...]
    ) -> Tensor:
        self._write(self._pieces(noise), sums, expected)
        return noise[self.noise_size :] + torch.tensor(answers, device=noise.device) if answers else _NONE

    def renew(self, sums: Sums, source: NoiseSource, *, stddev: float, expected: float) -> None:
        """``draw`` and ``put`` in one, on the CPU and without answers, into memory that stays the gradients' own."""
        if self._kept is None:
            flat = torch.empty(self.noise_size)
            self._kept = flat, self._pieces(flat)
        flat, pieces = self._kept
        # Asked for each time: an array that was copied along with this object would be noise for nobody.
        fill_gaussian_array(flat.numpy(), stddev=stddev, noise=source)
        self._write(pieces, sums, expected)

    def _pieces(self, flat: Tensor) -> list[Tensor]:
        return [flat.as_strided(*place) for place in self._places]

    def _write(self, pieces: list[Tensor], sums: Sums, expected: float) -> None:
        summed = [(piece, sums[own]) for own, piece in zip(self._parameters, pieces, strict=True) if own in sums]
        if summed:
            torch._foreach_add_([piece for piece, _ in summed], [total for _, total in summed], alpha=1.0 / expected)
        for parameter, piece in zip(self._parameters, pieces, strict=True):
            if parameter.grad is not piece:
                parameter.grad = piece if parameter.dtype is torch.float32 else piece.to(parameter)

    def whole_noise(self, state: dict[str, Any]) -> dict[str, Any] | None:
        return state

    def own_noise(self, state: dict[str, Any]) -> dict[str, Any]:
        return state


def _places(parameters: list[nn.Parameter]) -> tuple[list[Place], int]:
    """Shape, strides and beginning of each parameter's gradient in one vector, and the vector's length."""
    found, begin = [], 0
    for parameter in parameters:
        strides = torch.empty(parameter.shape, device="meta").stride()
        found.append((tuple(parameter.shape), strides, begin))
        begin += parameter.numel()
    return found, begin
