"""Noise on tensors: the same law on every path, one draw, in place."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from privet.core.errors import InvalidParameter
from privet.noise.secure import SecureNoise
from privet.noise.simulation import SeededNoise

torch = pytest.importorskip("torch", reason="PyTorch is an extra of Privet")
from privet.noise import torch_noise  # noqa: E402


class Counting:
    """A source that counts what is asked of it."""

    def __init__(self, source=None) -> None:
        self.source = source or SeededNoise(3)
        self.asked: list[int] = []

    def random_bytes(self, count: int) -> bytes:
        self.asked.append(count)
        return self.source.random_bytes(count)

    def single_normals(self, size: int):
        self.asked.append(size)
        return self.source.single_normals(size)


class Fixed:
    """A draw that several processes were told."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def random_bytes(self, count: int) -> bytes:
        return self.key[:count]


@pytest.mark.statistical
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_filled_tensors_follow_the_law_and_reject_ten_percent_off(dtype) -> None:
    tensor = torch_noise.fill_gaussian_(torch.empty(300, 300, dtype=dtype), stddev=2.0, noise=SeededNoise(1))
    drawn = tensor.double().flatten().numpy()
    if dtype is torch.bfloat16:  # rounded to 8 bits: compare moments, since ties break the continuous test
        assert abs(drawn.std() / 2 - 1) < 0.02
        return
    assert stats.kstest(drawn / 2.0, "norm").pvalue > 1e-4
    assert stats.kstest(drawn / 1.8, "norm").pvalue < 1e-9
    assert stats.kstest(drawn / 2.2, "norm").pvalue < 1e-9


def test_one_fill_is_one_draw_of_the_permit_whatever_its_size() -> None:
    noise = Counting()
    torch_noise.fill_gaussian_(torch.empty(100_000), stddev=1.0, noise=noise)
    assert noise.asked == [32]
    noise = Counting()
    torch_noise.fill_gaussian_(torch.empty(10, 10), stddev=1.0, noise=noise)
    assert noise.asked == [100]


@pytest.mark.statistical
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_few_numbers_follow_the_law_and_reject_ten_percent_off(dtype) -> None:
    noise = SecureNoise()
    tensors = [torch_noise.fill_gaussian_(torch.empty(4, 5, dtype=dtype), stddev=2.0, noise=noise) for _ in range(2000)]
    vectors = [torch_noise.gaussian_vector(20, stddev=2.0, noise=noise) for _ in range(2000)]
    for drawn in (torch.stack(tensors).flatten().numpy(), torch.cat(vectors).numpy()):
        assert stats.kstest(drawn / 2.0, "norm").pvalue > 1e-6
        assert stats.kstest(drawn / 1.8, "norm").pvalue < 1e-9
        assert stats.kstest(drawn / 2.2, "norm").pvalue < 1e-9


def test_a_new_vector_is_one_draw_too_and_bad_deviations_are_refused_before_it() -> None:
    for size in (7, 10_000):
        noise = Counting()
        assert torch_noise.gaussian_vector(size, stddev=1.0, noise=noise).shape == (size,)
        assert len(noise.asked) == 1
        with pytest.raises(InvalidParameter, match="stddev"):
            torch_noise.gaussian_vector(size, stddev=float("nan"), noise=noise)
        assert len(noise.asked) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator on this machine")
def test_a_tensor_on_an_accelerator_is_filled_there() -> None:
    tensor = torch_noise.fill_gaussian_(torch.empty(1000, 100, device="cuda"), stddev=2.0, noise=SecureNoise())
    assert tensor.device.type == "cuda"
    assert stats.kstest(tensor.cpu().flatten().numpy() / 2.0, "norm").pvalue > 1e-6


def test_the_tensor_itself_is_written_even_if_it_is_a_strided_view_or_wants_gradients() -> None:
    base = torch.zeros(50, 40)
    view = base.t()[::2]
    assert torch_noise.fill_gaussian_(view, stddev=1.0, noise=SecureNoise()) is view
    assert (base[:, ::2] != 0).all()
    assert (base[:, 1::2] == 0).all()
    weight = torch.zeros(10, requires_grad=True)
    torch_noise.fill_gaussian_(weight, stddev=1.0, noise=SecureNoise())
    assert (weight != 0).all()
    assert weight.requires_grad


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 0, 2), ()])
def test_empty_and_single_tensors_are_fine(shape) -> None:
    tensor = torch_noise.fill_gaussian_(torch.empty(shape), stddev=1.0, noise=SecureNoise())
    assert tuple(tensor.shape) == shape
    assert torch.isfinite(tensor).all()


def test_integer_tensors_and_useless_deviations_are_refused_before_noise_is_drawn() -> None:
    noise = Counting()
    with pytest.raises(InvalidParameter, match="int64"):
        torch_noise.fill_gaussian_(torch.zeros(3, dtype=torch.int64), stddev=1.0, noise=noise)
    with pytest.raises(InvalidParameter, match="stddev"):
        torch_noise.fill_gaussian_(torch.zeros(3), stddev=0.0, noise=noise)
    assert noise.asked == []


def test_two_fills_from_one_source_differ() -> None:
    noise = SecureNoise()
    a, b = (torch_noise.fill_gaussian_(torch.empty(1000), stddev=1.0, noise=noise) for _ in range(2))
    assert np.abs(np.corrcoef(a, b)[0, 1]) < 0.2
    assert not torch.equal(a, b)


@pytest.mark.statistical
def test_parts_of_one_draw_follow_the_law_and_know_nothing_of_each_other() -> None:
    """Every process makes its part alone from the same 32 bytes."""
    key = SecureNoise().random_bytes(32)
    noise = [Counting(Fixed(key)) for _ in range(3)]
    parts = [
        torch_noise.fill_gaussian_part_(torch.empty(50_000), part=part, stddev=2.0, noise=one)
        for part, one in enumerate(noise)
    ]
    for part in parts:
        assert stats.kstest(part.numpy() / 2.0, "norm").pvalue > 1e-6
        assert stats.kstest(part.numpy() / 2.2, "norm").pvalue < 1e-9
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(parts[one], parts[other])[0, 1]) < 6 / 50_000**0.5
    assert [one.asked for one in noise] == [[32]] * 3
    again = torch_noise.fill_gaussian_part_(torch.empty(50_000), part=1, stddev=2.0, noise=Fixed(key))
    assert torch.equal(again, parts[1])
    whole = torch_noise.fill_gaussian_(torch.empty(50_000), stddev=2.0, noise=Fixed(key))
    assert abs(np.corrcoef(whole, parts[0])[0, 1]) < 6 / 50_000**0.5
    with pytest.raises(InvalidParameter, match="part is -1"):
        torch_noise.fill_gaussian_part_(torch.empty(3), part=-1, stddev=1.0, noise=Fixed(key))
