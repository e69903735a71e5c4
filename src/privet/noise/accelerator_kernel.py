"""Gaussian noise on a CUDA device in one pass: ChaCha20's words never leave the registers. See ``accelerator``.

A kernel's source is read by Triton, not run by Python: names of its arguments are Triton's affair.
"""

# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from privet.noise import accelerator
from privet.noise.gaussian import ANGLE_UNIT

_TILE = tl.constexpr(accelerator.TILE)
_COARSE = tl.constexpr(accelerator.COARSE)
_COARSE_NONCE = tl.constexpr(accelerator.COARSE_NONCE)
_FINE_NONCE = tl.constexpr(accelerator.FINE_NONCE)
_ANGLE_UNIT = tl.constexpr(ANGLE_UNIT)
_C0, _C1, _C2, _C3 = (tl.constexpr(word) for word in accelerator.CONSTANTS)
# A key is no number to specialise on: each would be compiled anew.
_KEY = tuple(f"k{i}" for i in range(8))


def normals(size: int, *, stddev: float, key: bytes, device: Any) -> torch.Tensor:
    """See ``accelerator.normals``."""
    out = torch.empty(size, device=device, dtype=torch.float32)
    if size:
        with torch.cuda.device(out.device):
            _normals[(-(-size // accelerator.NUMBERS),)](
                out, size, float(stddev), *accelerator.key_words(key), num_warps=4
            )
    return out


@triton.jit
def _turned(x, by: tl.constexpr):
    return (x << by) | (x >> (32 - by))


@triton.jit
def _quarter(a, b, c, d):
    a += b
    d = _turned(d ^ a, 16)
    c += d
    b = _turned(b ^ c, 12)
    a += b
    d = _turned(d ^ a, 8)
    c += d
    b = _turned(b ^ c, 7)
    return a, b, c, d


@triton.jit
def _word(like, value):
    return tl.zeros_like(like) + value.to(tl.uint32, bitcast=True)


@triton.jit
def _block(low, high, nonce: tl.constexpr, k0, k1, k2, k3, k4, k5, k6, k7):
    """Words of the blocks with these numbers, sixteen vectors."""
    zero = tl.zeros_like(low)
    s0, s1, s2, s3 = zero + _C0, zero + _C1, zero + _C2, zero + _C3
    s4, s5, s6, s7 = _word(low, k0), _word(low, k1), _word(low, k2), _word(low, k3)
    s8, s9, s10, s11 = _word(low, k4), _word(low, k5), _word(low, k6), _word(low, k7)
    s14 = zero + nonce
    x0, x1, x2, x3, x4, x5, x6, x7 = s0, s1, s2, s3, s4, s5, s6, s7
    x8, x9, x10, x11, x12, x13, x14, x15 = s8, s9, s10, s11, low, high, s14, zero
    for _ in range(10):
        x0, x4, x8, x12 = _quarter(x0, x4, x8, x12)
        x1, x5, x9, x13 = _quarter(x1, x5, x9, x13)
        x2, x6, x10, x14 = _quarter(x2, x6, x10, x14)
        x3, x7, x11, x15 = _quarter(x3, x7, x11, x15)
        x0, x5, x10, x15 = _quarter(x0, x5, x10, x15)
        x1, x6, x11, x12 = _quarter(x1, x6, x11, x12)
        x2, x7, x8, x13 = _quarter(x2, x7, x8, x13)
        x3, x4, x9, x14 = _quarter(x3, x4, x9, x14)
    x0, x1, x2, x3 = x0 + s0, x1 + s1, x2 + s2, x3 + s3
    x4, x5, x6, x7 = x4 + s4, x5 + s5, x6 + s6, x7 + s7
    x8, x9, x10, x11 = x8 + s8, x9 + s9, x10 + s10, x11 + s11
    return x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12 + low, x13 + high, x14 + s14, x15


@triton.jit
def _refined(uniform, word, high, low):
    finer = (high.to(tl.float32) + low.to(tl.float32) * 2.0**-32 + 2.0**-33) * 2.0**-32
    return tl.where(word < _COARSE, uniform + finer, uniform)


@triton.jit
def _put(out, at, size, pair: tl.constexpr, uniform, angle, stddev):
    radius = tl.sqrt(tl.log(uniform * 2.0**-32) * -2.0) * stddev
    turn = angle.to(tl.int32, bitcast=True).to(tl.float32) * _ANGLE_UNIT
    first, second = at + pair * _TILE, at + (pair + 8) * _TILE
    tl.store(out + first, radius * tl.cos(turn), mask=first < size)
    tl.store(out + second, radius * tl.sin(turn), mask=second < size)


@triton.jit(do_not_specialize=["stddev", *_KEY])
def _normals(out, size, stddev, k0, k1, k2, k3, k4, k5, k6, k7):
    """One tile."""
    tile = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, _TILE)
    number = tile * _TILE + lane
    low, high = (number & 0xFFFFFFFF).to(tl.uint32), (number >> 32).to(tl.uint32)
    w0, w1, w2, w3, w4, w5, w6, w7, a0, a1, a2, a3, a4, a5, a6, a7 = _block(
        low, high, _COARSE_NONCE, k0, k1, k2, k3, k4, k5, k6, k7
    )
    u0, u1, u2, u3 = w0.to(tl.float32), w1.to(tl.float32), w2.to(tl.float32), w3.to(tl.float32)
    u4, u5, u6, u7 = w4.to(tl.float32), w5.to(tl.float32), w6.to(tl.float32), w7.to(tl.float32)
    least = tl.minimum(
        tl.minimum(tl.minimum(w0, w1), tl.minimum(w2, w3)), tl.minimum(tl.minimum(w4, w5), tl.minimum(w6, w7))
    )
    if tl.min(least) < _COARSE:
        f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15 = _block(
            low, high, _FINE_NONCE, k0, k1, k2, k3, k4, k5, k6, k7
        )
        u0, u1 = _refined(u0, w0, f0, f1), _refined(u1, w1, f2, f3)
        u2, u3 = _refined(u2, w2, f4, f5), _refined(u3, w3, f6, f7)
        u4, u5 = _refined(u4, w4, f8, f9), _refined(u5, w5, f10, f11)
        u6, u7 = _refined(u6, w6, f12, f13), _refined(u7, w7, f14, f15)
    at = tile * (16 * _TILE) + lane
    _put(out, at, size, 0, u0, a0, stddev)
    _put(out, at, size, 1, u1, a1, stddev)
    _put(out, at, size, 2, u2, a2, stddev)
    _put(out, at, size, 3, u3, a3, stddev)
    _put(out, at, size, 4, u4, a4, stddev)
    _put(out, at, size, 5, u5, a5, stddev)
    _put(out, at, size, 6, u6, a6, stddev)
    _put(out, at, size, 7, u7, a7, stddev)
