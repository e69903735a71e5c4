"""Gaussian noise made where the gradients are: ChaCha20 and Box-Muller in PyTorch's operations, on any device.

The stream of a key is ChaCha20's; no random bit but the key's ever crosses to the device. ``accelerator_kernel`` makes
the same numbers in one pass where Triton is; this is what that must agree with, and what runs where it is not
(docs/decisions/020).
Reference: Bernstein 2008; RFC 8439, section 2.3; Box & Muller 1958.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from privet.noise.gaussian import ANGLE_UNIT

# "expand 32-byte k"
CONSTANTS: Final = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
# Blocks of 16 words that are laid out together: word k of block l in a tile is its number 256 k + l.
TILE: Final = 256
NUMBERS: Final = 16 * TILE
# Tiles made at once: 64 MiB, and about as much to work in.
_TILES: Final = 1 << 12
# A 32-bit word below this is refined by 64 bits more, so that the tail has no visible steps.
COARSE: Final = 1 << 16
# Streams of one key.
COARSE_NONCE, FINE_NONCE = 0, 1


def normals(size: int, *, stddev: float, key: bytes, device: Any) -> Tensor:
    """``size`` normal draws in single precision on ``device``, cut at 11.5 standard deviations.

    Guarantee: independent draws if ChaCha20 is a pseudo-random function; ``key``, 32 random bytes, is for one call.
    The law is that of ``fill_gaussian_``. Shapes: (size,).

    >>> normals(3, stddev=1.0, key=bytes(32), device="cpu").shape
    torch.Size([3])
    """
    tiles = -(-size // NUMBERS)
    out = torch.empty(tiles * NUMBERS, device=device, dtype=torch.float32)
    for at in range(0, tiles, _TILES):
        part = out[at * NUMBERS : (at + _TILES) * NUMBERS].view(-1, 16, TILE)
        _tiles(part, first=at, stddev=stddev, key=key_words(key))
    return out[:size]


def key_words(key: bytes) -> tuple[int, ...]:
    """Eight signed 32-bit words."""
    return struct.unpack("<8i", key)


def _tiles(out: Tensor, *, first: int, stddev: float, key: Sequence[int]) -> None:
    """Overwrite tiles from number ``first`` on. Shapes: ``out`` (tiles, 16, TILE): radii times cosines, then sines."""
    counters = torch.arange(first * TILE, (first + len(out)) * TILE, device=out.device, dtype=torch.int64)
    words = blocks(key, counters, nonce=COARSE_NONCE).view(16, len(out), TILE).transpose(0, 1)
    coarse, angles = words[:, :8], words[:, 8:]
    uniform = _unsigned(coarse)
    small = (coarse & -COARSE == 0).nonzero(as_tuple=True)
    if len(small[0]):
        tile, pair, lane = small
        fine = blocks(key, (first + tile) * TILE + lane, nonce=FINE_NONCE)
        columns = torch.arange(len(pair), device=out.device)
        high, low = _unsigned(fine[2 * pair, columns]), _unsigned(fine[2 * pair + 1, columns])
        uniform[small] += (high + low * 2.0**-32 + 2.0**-33) * 2.0**-32
    radius = uniform.mul_(2.0**-32).log_().mul_(-2).sqrt_().mul_(stddev)
    angle = angles.to(torch.float32).mul_(ANGLE_UNIT)
    torch.mul(angle.cos(), radius, out=out[:, :8])
    torch.mul(angle.sin_(), radius, out=out[:, 8:])


def _unsigned(words: Tensor) -> Tensor:
    """Signed words as the unsigned numbers they stand for, rounded once."""
    return ((words >> 16) & 0xFFFF).to(torch.float32).mul_(65536.0).add_((words & 0xFFFF).to(torch.float32))


def blocks(key: Sequence[int], counters: Tensor, *, nonce: int) -> Tensor:
    """ChaCha20's blocks of these numbers. Shapes: (n,) to (16, n), in signed 32-bit words.

    The counter has 64 bits, as Bernstein has it; RFC 8439 gives its upper half to the nonce. The rest of the nonce is
    ``nonce`` and zero.
    """
    columns = counters.shape[0]
    start = torch.empty((4, 4, columns), dtype=torch.int32, device=counters.device)
    for at, word in enumerate([*(struct.unpack("<i", struct.pack("<I", c))[0] for c in CONSTANTS), *key]):
        start[at // 4, at % 4] = word
    # Wrapped by hand: what a conversion does with numbers that do not fit is not the same everywhere.
    start[3, 0] = _wrapped(counters)
    start[3, 1] = _wrapped(counters >> 32)
    start[3, 2], start[3, 3] = nonce, 0
    a, b, c, d = (row.clone() for row in start)
    spare = torch.empty_like(a)
    for _ in range(10):
        _round(a, b, c, d, spare)
        b, c, d = b.roll(-1, 0), c.roll(-2, 0), d.roll(-3, 0)
        _round(a, b, c, d, spare)
        b, c, d = b.roll(1, 0), c.roll(2, 0), d.roll(3, 0)
    return torch.stack([a, b, c, d]).add_(start).view(16, columns)


def _wrapped(numbers: Tensor) -> Tensor:
    low = numbers & 0xFFFFFFFF
    return (low - ((low >> 31) << 32)).to(torch.int32)


def _round(a: Tensor, b: Tensor, c: Tensor, d: Tensor, spare: Tensor) -> None:
    """Four quarter rounds side by side, in place."""
    for one, two, three, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        one.add_(two)
        three.bitwise_xor_(one)
        torch.bitwise_left_shift(three, by, out=spare)
        # A shift to the right brings the sign along.
        three.bitwise_right_shift_(32 - by).bitwise_and_((1 << by) - 1).bitwise_or_(spare)
