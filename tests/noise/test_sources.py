"""The two noise sources: one protects and cannot be seeded, one is seeded and says that it protects nothing."""

from __future__ import annotations

import ast
import inspect
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from privet.core.errors import InvalidParameter
from privet.noise import discrete, keystream, rejection, secure
from privet.noise import gaussian as gaussian_module
from privet.noise.secure import SecureNoise
from privet.noise.simulation import SeededNoise, generator

from .laws import gaussian_mass, laplace_mass, p_value


@pytest.mark.statistical
def test_the_secure_source_follows_its_laws() -> None:
    """Unseeded, so the limit is one in a thousand million."""
    noise = SecureNoise()
    scale = Fraction(10, 3)
    assert p_value(noise.discrete_laplace(scale=scale, size=100_000), laplace_mass(scale)) > 1e-9
    assert p_value(noise.discrete_gaussian(variance=scale**2, size=100_000), gaussian_mass(scale**2)) > 1e-9
    assert stats.kstest(noise.gaussian(stddev=2.0, size=50_000) / 2.0, "norm").pvalue > 1e-9
    assert stats.chisquare(np.bincount(np.frombuffer(noise.random_bytes(100_000), np.uint8))).pvalue > 1e-9


@pytest.mark.statistical
def test_a_few_draws_at_a_time_follow_the_same_laws() -> None:
    """Small sizes go through the plain samplers."""
    noise = SecureNoise()
    laplace = np.concatenate([noise.discrete_laplace(scale=Fraction(4), size=8) for _ in range(1000)])
    normal = np.concatenate([noise.discrete_gaussian(variance=Fraction(16), size=8) for _ in range(1000)])
    assert laplace.dtype == normal.dtype == np.int64
    assert p_value(laplace, laplace_mass(Fraction(4))) > 1e-9
    assert p_value(normal, gaussian_mass(Fraction(16))) > 1e-9
    assert p_value(laplace, laplace_mass(Fraction(5))) < 1e-9


def test_small_and_large_requests_have_the_same_limits() -> None:
    for size in (1, 100):
        with pytest.raises(InvalidParameter, match=r"2\*\*55"):
            SecureNoise().discrete_laplace(scale=Fraction(2**56), size=size)
        with pytest.raises(InvalidParameter, match=r"2\*\*55"):
            SecureNoise().discrete_gaussian(variance=Fraction(-1), size=size)
    with pytest.raises(InvalidParameter, match="size"):
        SecureNoise().discrete_laplace(scale=Fraction(1), size=-1)
    assert SecureNoise().discrete_gaussian(variance=Fraction(1), size=0).shape == (0,)


def test_the_two_sources_say_what_they_are() -> None:
    assert "AES-256-CTR" in SecureNoise().noise_class
    assert SeededNoise(7).noise_class == "SIMULATION ONLY, seed 7: protects nothing"


def test_seeded_noise_repeats_and_differs_by_seed() -> None:
    def some(seed: int) -> list[int]:
        noise = SeededNoise(seed)
        return [
            *noise.random_bytes(8),
            *noise.discrete_laplace(scale=Fraction(50), size=20),
            *noise.discrete_gaussian(variance=Fraction(500), size=20),
            *(noise.gaussian(stddev=1.0, size=4) * 1e6).astype(int),
        ]

    assert some(1) == some(1) != some(2)
    assert generator(3).random() == generator(3).random()


@pytest.mark.parametrize("seed", [-1, True, 1.5, None])
def test_a_seed_must_be_a_whole_number(seed: object) -> None:
    with pytest.raises(InvalidParameter, match="seed"):
        SeededNoise(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("module", [secure, keystream, discrete, rejection, gaussian_module])
def test_no_secure_module_touches_a_seedable_generator(module: object) -> None:
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert "random" not in attributes | imported
    assert not attributes & {"default_rng", "Generator", "PCG64", "seed"}
