"""Scattering features, held to plain convolutions and to the properties that they are used for."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training import scattering  # noqa: E402
from privet.training.scattering import Scattering, morlet  # noqa: E402

SIDE = 16  # pixels of a padded image of 8 by 8


def spatial(wavelet: np.ndarray) -> np.ndarray:
    """A filter's values in space, by the plain sum over frequencies."""
    turns = [[cmath.exp(2j * math.pi * at * k / SIDE) for k in range(SIDE)] for at in range(SIDE)]
    down = np.array(turns)
    return down @ wavelet @ down.T / SIDE**2


def convolved(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Periodic convolution by its definition."""
    made = np.zeros((SIDE, SIDE), dtype=complex)
    for i in range(SIDE):
        for j in range(SIDE):
            made += kernel[i, j] * np.roll(image, (i, j), axis=(0, 1))
    return made


def window(spread: float, step: int, size: int) -> np.ndarray:
    places = np.arange(size)
    rows = []
    for centre in range(0, size, step):
        apart = [min((p - centre) % size, (centre - p) % size) for p in places]
        # Far images of the torus are below 1e-12 at these spreads, but the nearest two both count half-way round.
        weights = np.array([sum(math.exp(-((a + k * size) ** 2) / (2 * spread**2)) for k in (-1, 0, 1)) for a in apart])
        rows.append(weights / weights.sum())
    return np.array(rows)


def plain(image: np.ndarray) -> np.ndarray:
    """The transform of one 8 by 8 image in double precision, in space. Shapes: (8, 8) to (81, 2, 2)."""
    padded = np.pad(image, 4, mode="reflect")
    angles = [math.pi * turn / 8 for turn in range(8)]
    fine = [spatial(morlet(SIDE, SIDE, scale=0, angle=angle).numpy()) for angle in angles]
    coarse = [spatial(morlet(SIDE, SIDE, scale=1, angle=angle).numpy()) for angle in angles]
    first = [np.abs(convolved(padded, kernel)) for kernel in fine]
    wide = [np.abs(convolved(padded, kernel))[::2, ::2] for kernel in coarse]
    second = [np.abs(convolved(one, kernel))[::2, ::2] for one in first for kernel in coarse]
    whole, half = window(1.6, 4, SIDE), window(0.8, 2, SIDE // 2)
    maps = [whole @ one @ whole.T for one in (padded, *first)] + [half @ one @ half.T for one in (*wide, *second)]
    return np.stack(maps)[:, 1:3, 1:3]


def images(count: int, size: int = 28, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 1, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_features_are_those_of_convolutions_in_space() -> None:
    image = images(1, 8)
    np.testing.assert_allclose(Scattering()(image)[0].numpy(), plain(image[0, 0].numpy()), atol=1e-12)


def test_single_precision_loses_nothing_that_matters() -> None:
    image = images(3)
    np.testing.assert_allclose(Scattering()(image.float()), Scattering()(image), atol=1e-6)


def test_a_shift_by_the_stride_shifts_the_features() -> None:
    # Far from the borders, where the image is mirrored.
    image = torch.zeros(1, 1, 60, 60, dtype=torch.float64)
    image[..., 26:34, 26:34] = images(1, 8)
    moved = Scattering()(image.roll((4, -4), dims=(2, 3)))
    torch.testing.assert_close(moved, Scattering()(image).roll((1, -1), dims=(2, 3)), atol=1e-7, rtol=0)


def test_features_hold_still_where_pixels_do_not() -> None:
    image = torch.zeros(1, 1, 44, 44, dtype=torch.float64)
    image[..., 18:26, 18:26] = images(1, 8)
    moved = image.roll(1, dims=3)
    ours = (Scattering()(moved) - Scattering()(image)).norm() / Scattering()(image).norm()
    assert ours < 0.5 * (moved - image).norm() / image.norm()


def test_filters_pass_no_more_energy_than_there_is() -> None:
    """Littlewood-Paley: with it every order is non-expansive."""
    size = 36
    passed = sum(
        morlet(size, size, scale=scale, angle=math.pi * turn / 8) ** 2 for scale in (0, 1) for turn in range(8)
    )
    mirrored = passed.flip(0, 1).roll((1, 1), dims=(0, 1))
    frequency = 2 * math.pi * torch.fft.fftfreq(size, dtype=torch.float64)
    kept = torch.exp(-(1.6**2) * (frequency[:, None] ** 2 + frequency**2))
    whole = kept + (passed + mirrored) / 2
    assert float(whole.max()) <= 1.0


@pytest.mark.parametrize("seed", range(4))
def test_features_differ_no_more_than_the_images(seed: int) -> None:
    one, other = images(8, seed=seed), images(8, seed=seed + 100) * (seed % 2)
    padded = torch.nn.functional.pad(one - other, (4, 4, 4, 4), mode="reflect")
    apart = Scattering()(one) - Scattering()(other)
    assert bool((apart.flatten(1).norm(dim=1) <= padded.flatten(1).norm(dim=1)).all())


def test_each_image_has_its_features_whatever_is_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    image = images(5)
    together = Scattering()(image)
    monkeypatch.setattr(scattering, "_PIECE", 2)
    torch.testing.assert_close(Scattering()(image), together)
    torch.testing.assert_close(Scattering()(image[3:4]), together[3:4])
    assert Scattering()(image[:0]).shape == (0, 81, 7, 7)


def test_channels_are_treated_alike() -> None:
    image = images(2)
    two = Scattering()(torch.cat([image, 2 * image], 1))
    torch.testing.assert_close(two[:, :81], Scattering()(image))
    torch.testing.assert_close(two[:, 81:], 2 * Scattering()(image))


def test_small_images_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="8 by 8"):
        Scattering()(torch.zeros(1, 1, 7, 28))
