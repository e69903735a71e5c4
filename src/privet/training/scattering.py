"""Scattering features of images: fixed wavelets, so they learn nothing from the data and cost no privacy."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter

# Of the finest wavelet: width of its window, centre frequency, and how much the window is drawn out across its waves.
_WIDTH, _FREQUENCY, _SLANT = 0.8, 3 * math.pi / 4, 4.0
# Pictures at a time: their maps then stay in the cache, which halves the time.
_PIECE = 16


class Scattering(nn.Module):  # type: ignore[misc]
    """Second-order scattering transform with Morlet wavelets of two scales and eight directions, every fourth pixel.

    Averages of wavelet moduli hold still under small shifts and bends, which is most of what the first layers of a
    network would have to learn from noisy gradients. There are no parameters.
    Guarantee: a function of each example alone: what protects images protects their features.
    Shapes: (B, C, H, W) to (B, 81 * C, ceil(H / 4), ceil(W / 4)). Units: those of the pixels.
    Errors: InvalidParameter for images smaller than 8 by 8.
    Reference: Bruna & Mallat 2013; Tramer & Boneh 2021 for private learning on them.

    >>> Scattering()(torch.ones(2, 1, 28, 28)).shape
    torch.Size([2, 81, 7, 7])
    """

    directions = 8
    scales = 2

    @property
    def channels(self) -> int:
        """Features of one input channel at one place."""
        turns = self.directions
        return 1 + self.scales * turns + turns * turns

    def forward(self, images: Tensor) -> Tensor:
        if images.dim() != 4 or min(images.shape[2:]) < 8:
            raise InvalidParameter(f"images have shape {tuple(images.shape)}; give (B, C, H, W) of at least 8 by 8")
        count, channels, height, width = images.shape
        around = _around(height), _around(width)
        padded = nn.functional.pad(images, (4, around[1], 4, around[0]), mode="reflect").flatten(0, 1)
        waves = _waves(padded.shape[1], padded.shape[2], padded.dtype, padded.device)
        rows, columns = math.ceil(height / 4), math.ceil(width / 4)
        if not len(padded):
            return images.new_zeros(count, channels * self.channels, rows, columns)
        pieces = [torch.cat(self._scattered(piece, waves), 1) for piece in padded.split(_PIECE)]
        made = torch.cat(pieces)[:, :, 1 : 1 + rows, 1 : 1 + columns]
        return made.reshape(count, channels * self.channels, rows, columns)

    @staticmethod
    def _scattered(images: Tensor, waves: _Waves) -> list[Tensor]:
        """Orders 0, 1 and 2. Shapes: (N, H, W) to (N, features, H / 4, W / 4)."""
        spectrum = torch.fft.fft2(images)[:, None]
        fine = torch.fft.ifft2(spectrum * waves.fine).abs()
        coarse = torch.fft.ifft2(_halved(spectrum, waves.coarse)).abs()
        second = torch.fft.ifft2(_halved(torch.fft.fft2(fine)[:, :, None], waves.coarse)).abs().flatten(1, 2)
        whole, half = waves.averages
        return [
            _averaged(images[:, None], whole),
            _averaged(fine, whole),
            _averaged(coarse, half),
            _averaged(second, half),
        ]


class _Waves:
    """Wavelets on the Fourier grid, and the matrices that average rows and columns and keep every fourth."""

    def __init__(self, height: int, width: int, *, like: Tensor) -> None:
        turns = [math.pi * turn / Scattering.directions for turn in range(Scattering.directions)]
        self.fine = torch.stack([morlet(height, width, scale=0, angle=angle) for angle in turns]).to(like)
        self.coarse = torch.stack([morlet(height, width, scale=1, angle=angle) for angle in turns]).to(like)
        width_of_average = _WIDTH * 2 ** (Scattering.scales - 1)
        self.averages = [
            tuple(_averages(size // by, width_of_average / by, 4 // by).to(like) for size in (height, width))
            for by in (1, 2)
        ]


@functools.lru_cache(maxsize=8)
def _waves(height: int, width: int, kind: torch.dtype, device: torch.device) -> _Waves:
    return _Waves(height, width, like=torch.empty(0, dtype=kind, device=device))


def morlet(height: int, width: int, *, scale: int, angle: float) -> Tensor:
    """Fourier transform of a Morlet wavelet on a periodic grid: real, and zero at frequency zero. Shapes: (H, W)."""
    size, frequency = _WIDTH * 2**scale, _FREQUENCY / 2**scale
    slant = _SLANT / Scattering.directions
    down = 2 * math.pi * torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    across = 2 * math.pi * torch.fft.fftfreq(width, dtype=torch.float64)[None, :]

    def window(at: float) -> Tensor:
        """A Gaussian at this frequency along the waves, laid around the torus."""
        total = torch.zeros(height, width, dtype=torch.float64)
        for i in (-2, -1, 0, 1, 2):
            for j in (-2, -1, 0, 1, 2):
                y, x = down + 2 * math.pi * i, across + 2 * math.pi * j
                along = x * math.cos(angle) + y * math.sin(angle) - at
                aside = -x * math.sin(angle) + y * math.cos(angle)
                total += torch.exp(-(size**2) * (along**2 + (aside / slant) ** 2) / 2)
        return total

    centred, wave = window(0.0), window(frequency)
    return wave - centred * (wave[0, 0] / centred[0, 0])


def _averages(size: int, spread: float, step: int) -> Tensor:
    """Rows are periodic Gaussian windows of weight one, ``step`` apart. Shapes: (size / step, size)."""
    places = torch.arange(size, dtype=torch.float64)
    centres = torch.arange(0, size, step, dtype=torch.float64)[:, None]
    weights = sum(torch.exp(-((places - centres + size * turn) ** 2) / (2 * spread**2)) for turn in (-1, 0, 1))
    return weights / weights.sum(1, keepdim=True)


def _averaged(maps: Tensor, matrices: tuple[Tensor, Tensor]) -> Tensor:
    rows, columns = matrices
    return rows @ maps @ columns.t()


def _halved(spectrum: Tensor, wavelets: Tensor) -> Tensor:
    """Every second pixel of the filtered image, taken in Fourier space: frequencies that fall together add up."""
    height, width = spectrum.shape[-2] // 2, spectrum.shape[-1] // 2
    total = spectrum[..., :height, :width] * wavelets[:, :height, :width]
    for top, left in ((0, width), (height, 0), (height, width)):
        rows, columns = slice(top, top + height), slice(left, left + width)
        total = total + spectrum[..., rows, columns] * wavelets[:, rows, columns]
    return total / 4


def _around(size: int) -> int:
    """Pixels to add at the end, so that the padded size is a multiple of four with a margin of at least four."""
    return 4 + (-size) % 4
