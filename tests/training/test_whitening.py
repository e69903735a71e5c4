"""Whitening by public pictures, and the synthetic pictures that need no public ones."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training.synthetic_pictures import dead_leaves  # noqa: E402
from privet.training.whitening import ChannelWhitening, picture_features  # noqa: E402


def correlated(count: int = 200, seed: int = 1) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    mixing = torch.tensor([[1.0, 0.0, 0.0], [0.9, 0.1, 0.0], [-0.5, 0.3, 0.01]]).double()
    plain = torch.randn(count, 3, 4, 4, generator=chance, dtype=torch.float64)
    return torch.einsum("dc,nchw->ndhw", mixing, plain)


def covariance(features: torch.Tensor) -> torch.Tensor:
    return torch.cov(features.transpose(0, 1).flatten(1))


def test_channels_of_public_pictures_become_uncorrelated_and_alike() -> None:
    public = correlated()
    layer = ChannelWhitening(public, ridge=1e-9)
    mixed = torch.einsum("dc,nchw->ndhw", layer.matrix, public)
    torch.testing.assert_close(covariance(mixed), torch.eye(3).double(), atol=2e-3, rtol=0)
    others = torch.einsum("dc,nchw->ndhw", layer.matrix, correlated(seed=2))
    torch.testing.assert_close(covariance(others), torch.eye(3).double(), atol=0.15, rtol=0)


def test_a_ridge_keeps_empty_directions_small() -> None:
    public = correlated()
    public[:, 2] = public[:, 0]
    assert float(torch.linalg.eigvalsh(ChannelWhitening(public, ridge=0.1).matrix).max()) < 5


def test_the_matrix_is_symmetric_so_that_channels_stay_what_they_were() -> None:
    matrix = ChannelWhitening(correlated()).matrix
    torch.testing.assert_close(matrix, matrix.t())


def test_features_depend_on_their_own_picture_alone() -> None:
    features = picture_features()
    pictures = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(3))
    together = features(pictures)
    assert together.shape == (3, 81, 7, 7)
    torch.testing.assert_close(features(pictures[1:2]), together[1:2], atol=1e-4, rtol=1e-4)
    assert not list(features.parameters())


def test_whitened_features_are_less_alike_than_scattering_alone() -> None:
    fixed = picture_features()
    other = dead_leaves(900)[600:]  # not those that the matrix was made from
    before, after = fixed[1](fixed[0](other)), fixed(other)

    def alike(features: torch.Tensor) -> float:
        variances = torch.linalg.eigvalsh(covariance(features.double()))
        return float(variances.max() / variances.mean())

    assert alike(after) < alike(before) / 3


def test_synthetic_pictures_are_the_same_ones_always_and_all_different() -> None:
    torch.manual_seed(1)
    first = dead_leaves(50)
    torch.manual_seed(2)
    assert torch.equal(dead_leaves(50), first)
    assert torch.equal(dead_leaves(80)[:50], first)
    apart = torch.cdist(first.flatten(1), first.flatten(1)) + 100 * torch.eye(50)
    assert float(apart.min()) > 1
    assert 0.1 < float(first.mean()) < 0.7


def test_what_cannot_be_whitened_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="n, C, H, W"):
        ChannelWhitening(torch.ones(3, 4))
    with pytest.raises(InvalidParameter, match="finite"):
        ChannelWhitening(torch.full((2, 3, 4, 4), float("nan")))
    with pytest.raises(InvalidParameter, match="ridge"):
        ChannelWhitening(correlated(), ridge=0)
    with pytest.raises(InvalidParameter, match="3, H, W"):
        ChannelWhitening(correlated())(torch.ones(1, 4, 2, 2))
    with pytest.raises(InvalidParameter, match="count"):
        dead_leaves(0)
