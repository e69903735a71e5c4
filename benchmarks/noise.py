"""Draws a second of every noise source, ours and the peers', interleaved in one run; one thread.

python benchmarks/noise.py [--peer-python PATH]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from measuring import interleaved_seconds, keep, show, timed
from peers import Peer
from privet.noise.secure import SecureNoise
from privet.noise.simulation import generator

DRAWS = 1_000_000
TENSOR = 1_000_000

PEERS = """
import math
try:
    import opendp.prelude as dp
    dp.enable_features("contrib")
    zeros = [0] * 20000
    def vector(metric): return dp.vector_domain(dp.atom_domain(T="i64")), metric(T="i64")
    for scale in (20.0, 1e4):
        laplace = dp.m.make_laplace(*vector(dp.l1_distance), scale=scale)
        gaussian = dp.m.make_gaussian(*vector(dp.l2_distance), scale=scale)
        works[f"20000 OpenDP discrete laplace, scale {scale:g}"] = lambda m=laplace: m(zeros)
        works[f"20000 OpenDP discrete gaussian, scale {scale:g}"] = lambda m=gaussian: m(zeros)
except ImportError:
    pass
try:
    from diffprivlib.mechanisms import GaussianDiscrete, Geometric
    geometric = Geometric(epsilon=0.05, sensitivity=1)
    discrete = GaussianDiscrete(epsilon=0.2, delta=1e-5, sensitivity=1)
    works["2000 diffprivlib geometric, scale 20"] = lambda: [geometric.randomise(0) for _ in range(2000)]
    works["500 diffprivlib discrete gaussian, scale 16"] = lambda: [discrete.randomise(0) for _ in range(500)]
except ImportError:
    pass
"""


def ours() -> dict[str, Callable[[], object]]:
    noise, chance = SecureNoise(), generator(1)
    works: dict[str, Callable[[], object]] = {}
    for scale in (Fraction(20), Fraction(10_000), Fraction(10**9), Fraction(10**15, 7)):
        works[f"{DRAWS} Privet discrete laplace, scale {float(scale):g}"] = lambda s=scale: noise.discrete_laplace(
            scale=s, size=DRAWS
        )
        works[f"{DRAWS} Privet discrete gaussian, scale {float(scale):g}"] = lambda s=scale: noise.discrete_gaussian(
            variance=s * s, size=DRAWS
        )
    p = -np.expm1(-1 / 20)
    works[f"{DRAWS} numpy geometric difference (seedable), scale 20"] = lambda: (
        chance.geometric(p, DRAWS) - chance.geometric(p, DRAWS)
    )
    works[f"{DRAWS} Privet gaussian, double"] = lambda: noise.gaussian(stddev=1.0, size=DRAWS)
    works[f"{DRAWS} numpy normal (seedable)"] = lambda: chance.standard_normal(DRAWS)
    return works


def tensors() -> dict[str, Callable[[], object]]:
    try:
        import torch
    except ImportError:
        return {}
    from privet.noise.torch_noise import fill_gaussian_

    torch.set_num_threads(1)
    noise, tensor = SecureNoise(), torch.empty(TENSOR)
    return {
        f"{TENSOR} torch.randn (seedable)": lambda: torch.randn(TENSOR),
        f"{TENSOR} Privet fill_gaussian_": lambda: fill_gaussian_(tensor, stddev=1.0, noise=noise),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python")
    options = parser.parse_args()
    with Peer(options.peer_python, PEERS) as peer:
        works = {name: timed(work) for name, work in (ours() | tensors()).items()} | peer.timed()
        medians = interleaved_seconds(works, rounds=9)
    speeds: dict[str, Any] = {}
    for name, seconds in medians.items():
        count, _, what = name.partition(" ")
        speeds[what] = int(count) / seconds
    rows = [[what, speed / 1e6] for what, speed in sorted(speeds.items(), key=lambda item: -item[1])]
    show("Noise, million draws a second (median of 9, one thread)", columns=["source", "M draws/s"], rows=rows)
    tensor = {
        name.partition(" ")[2]: seconds * 1e3 for name, seconds in medians.items() if "randn" in name or "fill" in name
    }
    if tensor:
        show(f"A tensor of {TENSOR:,}, ms", columns=["source", "ms"], rows=[[name, ms] for name, ms in tensor.items()])
    keep("noise", {"draws_per_second": speeds, "tensor_ms": tensor}, packages=["numpy", "torch", "cryptography"])


if __name__ == "__main__":
    main()
