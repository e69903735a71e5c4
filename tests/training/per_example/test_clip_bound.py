"""No example, whatever it holds, moves the clipped sum further than the clip: searched, not believed."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from hypothesis import example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from privet.training.clipping import AutomaticClipping  # noqa: E402
from privet.training.per_example.clipping import clip_factors  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402

from .cases import CASES  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
NASTY = [0.0, 1e-30, 1.0, -50.0, 1e4, 1e18, -1e30, 3e38, float("inf"), float("-inf"), float("nan")]
# Modules that are differentiated one by one take long; two of them stand for the others.
SLOW = {"gru", "rnn", "lstm, two layers, both ways", "transformer layer"}
SEARCHED = sorted(set(CASES) - SLOW)


def sums_of(module, x, y, clip_norm: float):
    watch = Watch(module)
    # The first three examples teach which part answers for what; they are ordinary ones.
    F.cross_entropy(watch(x), y, reduction="sum").backward()
    found = watch.clipped_sum(clip_norm=clip_norm).sums
    watch.release()
    return [found.get(p, torch.zeros_like(p)).double() for p in module.parameters() if p.requires_grad]


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(SEARCHED),
    seed=st.integers(0, 10**6),
    clip_norm=st.sampled_from([1e-3, 0.1, 1.0, 30.0]),
    value=st.sampled_from(NASTY),
    share=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    size=st.sampled_from([1.0, 10.0, 1e3]),
)
def test_one_example_moves_the_sum_by_at_most_the_clip(
    name: str, seed: int, clip_norm: float, value: float, share: float, size: float
) -> None:
    torch.manual_seed(seed)
    make, batch = CASES[name]
    module, x, y = make(), batch(5), torch.randint(3, (5,))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(size if size < 100 else 1.0)
    if x.is_floating_point():
        x[4] = torch.where(torch.rand_like(x[4]) < share, torch.full_like(x[4], value), x[4] * size)
    with_one, without = sums_of(module, x, y, clip_norm), sums_of(module, x[:4], y[:4], clip_norm)
    moved = torch.stack([(a - b).norm() for a, b in zip(with_one, without, strict=True)]).norm()
    total = torch.stack([b.norm() for b in without]).norm()
    # What the other four add up to is rounded once more; that is no part of the bound.
    assert float(moved) <= clip_norm * (1 + 1e-6) + 1e-6 * float(total)


def test_the_bound_is_reached() -> None:
    module = torch.nn.Linear(3, 2)
    torch.nn.init.zeros_(module.weight)
    torch.nn.init.zeros_(module.bias)
    x, y = torch.full((4, 3), 100.0), torch.tensor([0, 1, 0, 1])
    moved = torch.stack(
        [(a - b).norm() for a, b in zip(sums_of(module, x, y, 1.0), sums_of(module, x[:3], y[:3], 1.0), strict=True)]
    ).norm()
    assert float(moved) == pytest.approx(1.0, abs=1e-5)


NORMS = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=20)


# Factors that are numbers too small to be rounded well.
@example([2.6814093409881643e37], 0.015625)
@example([3e38], 1e-6)
@given(NORMS, st.floats(1e-6, 1e6))
def test_factors_never_lengthen_and_never_break(norms: list[float], clip_norm: float) -> None:
    given_norms = torch.tensor([abs(norm) for norm in norms])
    factors = clip_factors(given_norms, clip_norm=clip_norm)
    assert (factors <= 1).all()
    require_within(factors, given_norms, clip_norm)


@example([2.6814093409881643e37], 0.015625, 0.01)
@example([3e38], 1e-6, 0.01)
@given(NORMS, st.floats(1e-6, 1e6), st.floats(1e-6, 10))
def test_factors_of_automatic_clipping_never_break(norms: list[float], clip_norm: float, stability: float) -> None:
    given_norms = torch.tensor([abs(norm) for norm in norms])
    factors = AutomaticClipping(clip_norm, stability).start().factors(given_norms)
    require_within(factors, given_norms, clip_norm)


def require_within(factors, norms, clip_norm: float) -> None:
    assert factors.isfinite().all()
    finite = norms.isfinite()
    assert (factors[finite].double() * norms[finite].double() <= clip_norm).all()
    assert (factors[~finite] == 0).all()
