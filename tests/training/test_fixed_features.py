"""Normalised features, and features computed once."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training.fixed_features import FeatureNormalisation, computed_once  # noqa: E402


def features(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 5, 4, 4, generator=torch.Generator().manual_seed(1))


def test_normalised_features_are_those_of_plain_loops() -> None:
    given = features()
    level = torch.zeros_like(given, dtype=torch.float64)
    for n in range(3):
        for i in range(4):
            for j in range(4):
                roots = given[n, :, i, j].double().sqrt()
                level[n, :, i, j] = (roots - roots.mean()) / (roots.var(unbiased=False).sqrt() + 0.1)
    for n in range(3):
        for c in range(5):
            places = level[n, c]
            level[n, c] = (places - places.mean()) / (places.var(unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(FeatureNormalisation()(given).double(), level, atol=1e-5, rtol=1e-5)


def test_no_example_sees_another() -> None:
    given, layer = features(), FeatureNormalisation()
    changed = given.clone()
    changed[0] *= 1000
    assert torch.equal(layer(given)[1:], layer(changed)[1:])
    assert not list(layer.parameters())
    assert not list(layer.buffers())


def test_places_of_nothing_are_finite() -> None:
    assert bool(FeatureNormalisation()(torch.zeros(2, 5, 4, 4)).isfinite().all())


def test_features_computed_once_are_those_computed_at_a_time() -> None:
    given = features(7)
    layer = nn.Sequential(FeatureNormalisation(), nn.Flatten(), nn.Dropout(0.5))
    once = computed_once(layer, given, batch_size=3)
    torch.testing.assert_close(once, FeatureNormalisation()(given).flatten(1))
    assert not once.requires_grad


def test_a_transform_that_loses_rows_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="one row for each"):
        computed_once(nn.Flatten(0), features())
    with pytest.raises(InvalidParameter, match="no inputs"):
        computed_once(nn.Flatten(), features(0))
    with pytest.raises(InvalidParameter, match="B, C, H, W"):
        FeatureNormalisation()(torch.ones(2, 3))
