"""Noise made on the device: the cipher is ChaCha20, the law is the one of the host, one way agrees with the other."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from scipy import stats

torch = pytest.importorskip("torch", reason="PyTorch is an extra of Privet")
from privet.noise import accelerator  # noqa: E402

CUDA = torch.cuda.is_available()
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not CUDA, reason="no CUDA device here"))]
# The key, nonce and block of RFC 8439, section 2.3.2; its nonce's first word is our counter's upper half.
RFC_KEY = bytes(range(32))
RFC_BLOCK = bytes.fromhex(
    "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
)


def block(key: bytes, number: int, nonce: int) -> list[int]:
    made = Cipher(ChaCha20(key, struct.pack("<QII", number, nonce, 0)), None).encryptor().update(bytes(64))
    return list(struct.unpack("<16i", made))


@pytest.mark.parametrize("device", DEVICES)
def test_blocks_are_those_of_the_standard(device) -> None:
    counter = 1 + (0x09000000 << 32)
    found = accelerator.blocks(accelerator.key_words(RFC_KEY), torch.tensor([counter], device=device), nonce=0x4A000000)
    assert found[:, 0].tolist() == list(struct.unpack("<16i", RFC_BLOCK))


@pytest.mark.parametrize("device", DEVICES)
def test_blocks_are_those_of_another_library_whatever_key_and_number(device) -> None:
    numbers = [0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40 + 5]
    for nonce in (accelerator.COARSE_NONCE, accelerator.FINE_NONCE):
        key = os.urandom(32)
        found = accelerator.blocks(accelerator.key_words(key), torch.tensor(numbers, device=device), nonce=nonce)
        for column, number in enumerate(numbers):
            assert found[:, column].tolist() == block(key, number, nonce)


@pytest.mark.statistical
def test_the_law_is_normal_and_ten_percent_off_is_rejected() -> None:
    drawn = accelerator.normals(300_001, stddev=2.0, key=os.urandom(32), device="cpu").numpy()
    assert drawn.shape == (300_001,)
    assert stats.kstest(drawn / 2.0, "norm").pvalue > 1e-6
    assert stats.kstest(drawn / 1.8, "norm").pvalue < 1e-9
    assert stats.kstest(drawn / 2.2, "norm").pvalue < 1e-9
    # Cosines and sines of one radius and angle lie eight rows apart.
    rows = drawn[: 73 * accelerator.NUMBERS].reshape(-1, 16, accelerator.TILE)
    for lag in (1, accelerator.TILE, 8 * accelerator.TILE):
        assert abs(np.corrcoef(drawn[:-lag], drawn[lag:])[0, 1]) < 6 / len(drawn) ** 0.5
        squares = drawn**2
        assert abs(np.corrcoef(squares[:-lag], squares[lag:])[0, 1]) < 6 / len(drawn) ** 0.5
    assert abs(np.corrcoef(rows[:, 0].ravel(), rows[:, 8].ravel())[0, 1]) < 6 / rows[:, 0].size ** 0.5


def test_numbers_are_box_mullers_of_the_ciphers_words_and_the_smallest_uniforms_are_refined() -> None:
    key, tiles = os.urandom(32), 130
    drawn = accelerator.normals(tiles * accelerator.NUMBERS, stddev=3.0, key=key, device="cpu").double().numpy()
    count = tiles * accelerator.TILE
    stream = [
        Cipher(ChaCha20(key, struct.pack("<QII", 0, nonce, 0)), None).encryptor().update(bytes(64 * count))
        for nonce in (0, 1)
    ]
    coarse, fine = (np.frombuffer(made, np.uint32).reshape(count, 16).astype(np.float64) for made in stream)
    small, refined = coarse[:, :8] < 2**16, (fine[:, ::2] * 2.0**32 + fine[:, 1::2] + 0.5) * 2.0**-64
    uniform = (coarse[:, :8] + np.where(small, refined, 0)) * 2.0**-32
    radius = 3.0 * np.sqrt(-2 * np.log(np.where(uniform > 0, uniform, 1)))
    angle = coarse[:, 8:].astype(np.int64).astype(np.int32) * (np.pi / 2**31)
    want = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)
    want = want.reshape(tiles, accelerator.TILE, 16).transpose(0, 2, 1).ravel()
    # Uniforms near one have 24 bits, so small radii are rough.
    assert np.abs(drawn - want).max() < 3e-3
    assert small.any()
    at = np.flatnonzero(np.concatenate([small, small], 1).reshape(tiles, -1, 16).transpose(0, 2, 1).ravel())
    assert np.abs(drawn - want)[at].max() < 1e-4


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 20_000])
def test_fewer_numbers_are_the_first_of_more(size) -> None:
    key = os.urandom(32)
    more = accelerator.normals(30_000, stddev=1.0, key=key, device="cpu")
    assert torch.equal(accelerator.normals(size, stddev=1.0, key=key, device="cpu"), more[:size])


def test_pieces_of_a_long_draw_join(monkeypatch) -> None:
    key = os.urandom(32)
    whole = accelerator.normals(20_000, stddev=1.0, key=key, device="cpu")
    monkeypatch.setattr(accelerator, "_TILES", 2)
    assert torch.equal(accelerator.normals(20_000, stddev=1.0, key=key, device="cpu"), whole)


_INTERPRETED = """
import contextlib, os, torch
torch.cuda.device = lambda device: contextlib.nullcontext()
from privet.noise import accelerator, accelerator_kernel
key = os.urandom(32)
for size in (0, 1, 4097, 20_000):
    want = accelerator.normals(size, stddev=2.0, key=key, device="cpu")
    torch.testing.assert_close(accelerator_kernel.normals(size, stddev=2.0, key=key, device="cpu"), want)
"""


@pytest.mark.skipif(not find_spec("triton"), reason="Triton is not here; it comes with PyTorch for CUDA")
def test_the_kernel_agrees_when_it_is_interpreted() -> None:
    subprocess.run([sys.executable, "-c", _INTERPRETED], check=True, env={**os.environ, "TRITON_INTERPRET": "1"})


@pytest.mark.skipif(not CUDA, reason="no CUDA device here")
@pytest.mark.parametrize("size", [1, 4097, 3_000_001])
def test_the_kernel_agrees_on_a_device(size) -> None:
    kernel = pytest.importorskip("privet.noise.accelerator_kernel", reason="Triton is not here")
    key = os.urandom(32)
    made = kernel.normals(size, stddev=2.0, key=key, device="cuda")
    torch.testing.assert_close(
        made, accelerator.normals(size, stddev=2.0, key=key, device="cuda"), atol=1e-5, rtol=1e-5
    )
