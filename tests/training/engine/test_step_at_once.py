"""A step of ``fit`` in few operations is the step of any loop, bit for bit, or is left to the way that all can go."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from privet.core.neighbours import PrivacyUnit, Relation  # noqa: E402
from privet.noise.simulation import SeededNoise  # noqa: E402
from privet.training.clipping.adaptive import AdaptiveClipping  # noqa: E402
from privet.training.clipping.automatic import AutomaticClipping  # noqa: E402
from privet.training.clipping.flat import FlatClipping  # noqa: E402
from privet.training.clipping.per_layer import PerLayerClipping  # noqa: E402
from privet.training.correlated.law import CorrelatedNoise  # noqa: E402
from privet.training.correlated.tree import TreeAggregation  # noqa: E402
from privet.training.engine.criterion import PrivateCriterion  # noqa: E402
from privet.training.engine.module import PrivateModule  # noqa: E402
from privet.training.engine.optimizer import PrivateOptimizer  # noqa: E402
from privet.training.noise_law import IndependentNoise  # noqa: E402
from privet.training.optimizers import AdamBC  # noqa: E402
from privet.training.per_example.piece import Piece  # noqa: E402
from privet.training.sampling import FullBatch, PoissonSampling  # noqa: E402
from privet.training.schedules import Exponential  # noqa: E402
from privet.training.training_plan import TrainingPlan  # noqa: E402


class Seeded:
    """Stands for a claim: the same noise for whoever asks in the same order."""

    def __init__(self) -> None:
        self.done = 0

    def next(self, *, number: int | None) -> SeededNoise:
        self.done += 1
        return SeededNoise(self.done)


def network(width: int, *, frozen: bool = False) -> nn.Module:
    torch.manual_seed(3)
    made = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))
    made[0].weight.requires_grad_(not frozen)
    return made


def loop(module, *, clipping=None, make=None, noise=None, sampling=None):
    plan = TrainingPlan(
        "loop", PrivacyUnit("example"), Relation.ZERO_OUT,
        sampling or PoissonSampling("1/10", expected_batch_size=20.0), clipping or FlatClipping(0.7),
        noise or IndependentNoise(1.1), 50,
    )  # fmt: skip
    own = [parameter for parameter in module.parameters() if parameter.requires_grad]
    private = PrivateModule(module)
    optimizer = PrivateOptimizer(
        (make or (lambda given: torch.optim.SGD(given, lr=0.2)))(own), module=private, plan=plan, loss_reduction="mean"
    )
    optimizer.begin(Seeded())  # type: ignore[arg-type]
    private.watch.guard()
    return private, optimizer


def trained(
    module, steps: int = 6, *, simple: bool, spoiled: bool = False, units=None, **settings
) -> tuple[list, bool]:
    """Gradients and weights after each step, and whether any step was made at once."""
    private, optimizer = loop(module, **settings)
    criterion, found = PrivateCriterion(nn.CrossEntropyLoss(), reduction="mean"), []
    at_once, ways = optimizer._step_at_once, []
    optimizer._step_at_once = lambda watch: simple and (ways.append(at_once(watch)) or ways[-1])
    torch.manual_seed(4)
    for number in range(steps):
        x, y = torch.randn(18, 6), torch.randint(3, (18,))
        if spoiled and number:
            x[5, 2] = float("inf")
        private.watch.begin(Piece(number, len(x), last=True, units=units))
        if not optimizer.run(x, lambda out, y=y: criterion.slope(out, y)):
            optimizer.zero_grad()
            criterion(private(x), y).backward()
            optimizer.step()
        found += [parameter.detach().clone() for parameter in module.parameters()]
        found += [parameter.grad.clone() for parameter in module.parameters() if parameter.requires_grad]
    return found, any(ways)


def same(width: int = 8, *, frozen: bool = False, **settings) -> bool:
    """Whether any step was made at once, if all have come out the same."""
    quick, at_once = trained(network(width, frozen=frozen), simple=True, **settings)
    slow, other = trained(network(width, frozen=frozen), simple=False, **settings)
    assert not other
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(quick, slow, strict=True))
    return at_once


@pytest.mark.parametrize("width", [8, 700])
@pytest.mark.parametrize("clipping", [FlatClipping(0.7), AutomaticClipping(0.7)])
def test_few_and_many_numbers(width: int, clipping) -> None:
    assert same(width, clipping=clipping)


@pytest.mark.parametrize(
    "make",
    [
        lambda given: torch.optim.SGD(given, lr=0.2, momentum=0.9),
        lambda given: torch.optim.Adam(given, lr=0.1),
        lambda given: AdamBC(given, lr=0.1),
    ],
)
def test_any_optimizer(make) -> None:
    assert same(make=make)


def test_frozen_layers() -> None:
    assert same(frozen=True)


def test_examples_that_are_not_finite() -> None:
    assert same(spoiled=True)


def test_schedules_of_noise() -> None:
    assert same(noise=IndependentNoise(Exponential(2.0, gamma=0.5, every=2)))


@pytest.mark.parametrize(
    "settings",
    [
        {"clipping": AdaptiveClipping(0.7, count_noise=2.0)},
        {"clipping": PerLayerClipping(0.7)},
        {"noise": CorrelatedNoise(1.1, TreeAggregation(steps=64)), "sampling": FullBatch(20)},
        {"units": torch.arange(18) // 3},
    ],
    ids=["answers", "layers", "correlated", "units"],
)
def test_what_else_is_released_or_remembered_is_left_to_the_other_way(settings) -> None:
    assert not same(**settings)


def test_a_clip_norm_that_changes_between_batches() -> None:
    module = network(8)
    private, optimizer = loop(module)
    optimizer.max_grad_norm = 1e-9
    step(private, optimizer, 0)
    step(private, optimizer, 1)
    assert optimizer.clipper.clip_norm == 1e-9
    # Noise follows the norm: nothing moves.
    before = copy.deepcopy(module.state_dict())
    step(private, optimizer, 2)
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=1e-6)


def test_gradients_keep_their_memory() -> None:
    module = network(8)
    private, optimizer = loop(module)
    places = []
    for number in range(4):
        step(private, optimizer, number)
        places.append([parameter.grad.data_ptr() for parameter in module.parameters()])
    assert places[1] == places[2] == places[3]


def test_a_copy_has_noise_of_its_own() -> None:
    """Memory that is not shared with what the noise is written into would be a step without noise."""
    module = network(8)
    private, optimizer = loop(module)
    for number in range(3):
        step(private, optimizer, number)
    twin = copy.deepcopy(optimizer.gradients)
    twin.renew({}, SeededNoise(1), stddev=1.0, expected=1.0)
    found = torch.cat([parameter.grad.flatten() for parameter in twin._parameters])
    expected = torch.from_numpy(SeededNoise(1).single_normals(len(found)))
    assert torch.equal(found, expected)


def step(private, optimizer, number: int) -> None:
    criterion = PrivateCriterion(nn.CrossEntropyLoss(), reduction="mean")
    x, y = torch.randn(18, 6), torch.randint(3, (18,))
    private.watch.begin(Piece(number, len(x), last=True, units=None))
    if not optimizer.run(x, lambda out: criterion.slope(out, y)):
        optimizer.zero_grad()
        criterion(private(x), y).backward()
        optimizer.step()
