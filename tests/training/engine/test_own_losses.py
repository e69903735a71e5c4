"""A loss that a module makes by itself is taken apart, so that no example weighs on another's."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from privet.training.per_example.owners import UnsupportedModule  # noqa: E402

from .loops import data, private  # noqa: E402


class Labelled(nn.Module):
    """Gives (loss, outputs) where labels are given, as models of Hugging Face do."""

    def __init__(self, loss=None) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.inner = nn.Linear(8, 2)
        self.loss = loss or nn.CrossEntropyLoss()

    def forward(self, x, labels=None):
        out = self.inner(x)
        return {"out": out} if labels is None else {"loss": self.loss(out, labels), "out": out}


class Reader(nn.Module):
    """Predicts tokens; the loss is the mean over all tokens of the batch that are not ignored; weights are tied."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.embedding = nn.Embedding(11, 6)

    def forward(self, tokens, labels=None):
        logits = F.linear(self.embedding(tokens), self.embedding.weight)
        loss = F.cross_entropy(logits.view(-1, 11), labels.view(-1)) if labels is not None else None
        return loss, logits


def sentences(count: int = 200) -> TensorDataset:
    torch.manual_seed(7)
    tokens = torch.randint(0, 11, (count, 6))
    labels = tokens.roll(-1, 1)
    for i in range(count):
        labels[i, 1 + i % 6 :] = -100
    return TensorDataset(tokens, labels)


def alone(module: nn.Module, inputs: dict[str, torch.Tensor], clip: float) -> dict[str, torch.Tensor]:
    """The clipped sum by the plain module, one example at a time."""
    plain = copy.deepcopy(module)
    sums = {name: torch.zeros_like(parameter) for name, parameter in plain.named_parameters()}
    for i in range(len(next(iter(inputs.values())))):
        plain.zero_grad()
        out = plain(**{name: tensor[i : i + 1] for name, tensor in inputs.items()})
        (out["loss"] if isinstance(out, dict) else out[0]).backward()
        grads = {name: parameter.grad for name, parameter in plain.named_parameters()}
        size = float(torch.stack([grad.norm() for grad in grads.values()]).norm())
        for name, grad in grads.items():
            sums[name] += grad * min(1.0, clip / max(size, 1e-12))
    return sums


def check_steps(module: nn.Module, dataset: TensorDataset, names: tuple[str, str]) -> None:
    _, model, optimizer, loader = private(dataset=dataset, module=module, sigma=1e-4, clip=0.1, lr=1.0)
    for batch in loader:
        inputs = dict(zip(names, batch, strict=True))
        before = {name: tensor.clone() for name, tensor in module.named_parameters()}
        wanted = alone(module, inputs, 0.1)
        optimizer.zero_grad()
        out = model(**inputs)
        (out["loss"] if isinstance(out, dict) else out[0]).backward()
        optimizer.step()
        for name, parameter in module.named_parameters():
            torch.testing.assert_close(before[name] - parameter, wanted[name] / 40, rtol=1e-3, atol=2e-5)


def test_a_mean_over_examples_stays_what_it_is() -> None:
    check_steps(Labelled(), data(), ("x", "labels"))
    _, model, _, loader = private(module=Labelled())
    x, y = next(iter(loader))
    out = model(x, labels=y)
    torch.testing.assert_close(out["loss"], F.cross_entropy(out["out"], y))


def test_class_weights_are_not_divided_by_those_of_the_batch() -> None:
    weights = torch.tensor([1.0, 9.0])
    _, model, _, loader = private(module=Labelled(nn.CrossEntropyLoss(weight=weights)))
    x, y = next(iter(loader))
    out = model(x, labels=y)
    torch.testing.assert_close(out["loss"], F.cross_entropy(out["out"], y, weight=weights, reduction="none").mean())


def test_a_mean_over_the_tokens_of_a_batch_becomes_one_of_examples() -> None:
    check_steps(Reader(), sentences(), ("tokens", "labels"))


def test_losses_of_numbers_and_of_several_labels() -> None:
    x, y = data().tensors
    for loss, labels in (
        (nn.MSELoss(), torch.randn(400, 2)),
        (nn.BCEWithLogitsLoss(), F.one_hot(y, 2).float()),
        (nn.SmoothL1Loss(), torch.randn(400, 2)),
    ):
        check_steps(Labelled(loss), TensorDataset(x, labels), ("x", "labels"))


def test_sums_are_sums_of_examples() -> None:
    _, model, _, loader = private(module=Labelled(nn.CrossEntropyLoss(reduction="sum")), loss_reduction="sum")
    x, y = next(iter(loader))
    out = model(x, labels=y)
    torch.testing.assert_close(out["loss"], F.cross_entropy(out["out"], y, reduction="sum"))


def test_one_example_of_a_language_model_moves_a_step_by_the_clip_norm_at_most() -> None:
    """Under a mean over the batch's tokens a long example would weaken all others' gradients."""
    module = Reader()
    tokens = torch.randint(0, 11, (30, 6))
    labels = tokens.clone()
    short = labels.clone()
    short[:, 1:] = -100
    moved = []
    for given in (torch.cat([short[:29], labels[29:]]), short):
        copied = copy.deepcopy(module)
        _, model, optimizer, loader = private(
            dataset=TensorDataset(tokens, given), module=copied, batch_size=30, sigma=1e-4, clip=10.0, lr=30.0
        )
        for x, y in loader:
            optimizer.zero_grad()
            model(x, labels=y)[0].backward()
            optimizer.step()
        moved.append(copied.embedding.weight.detach() - module.embedding.weight)
    # Only the last example differs, so the other twenty-nine must have given the same.
    last = []
    for y in (labels[29:], short[29:]):
        plain = copy.deepcopy(module)
        plain(tokens[29:], labels=y)[0].backward()
        last.append(plain.embedding.weight.grad)
    torch.testing.assert_close(moved[0] - moved[1], last[1] - last[0], rtol=1e-3, atol=1e-2)
    assert (last[1] - last[0]).abs().max() > 0.1


def test_empty_batches_step_on_noise() -> None:
    engine, model, optimizer, loader = private(dataset=sentences(20), module=Reader(), batch_size=1)
    sizes = []
    for _ in range(4):
        for x, y in loader:
            optimizer.zero_grad()
            loss = model(x, labels=y)[0]
            loss.backward()
            optimizer.step()
            sizes.append(len(x))
            assert len(x) or float(loss.detach()) == 0 or not any(sizes)
    assert {0, 1} <= set(sizes)
    assert engine.steps == 80
    assert all(parameter.isfinite().all() for parameter in model.parameters())


class Pulled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 2)

    def forward(self, x):
        out = self.inner(x)
        return out, out.square().mean()


def test_a_number_of_the_whole_batch_that_is_no_known_loss_is_refused() -> None:
    _, model, _, loader = private(module=Pulled())
    with pytest.raises(UnsupportedModule, match="compute the loss from them in the loop"):
        model(next(iter(loader))[0])


class Told(nn.Module):
    """Gives a figure beside its outputs, of which no gradient is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 2)

    def forward(self, x):
        out = self.inner(x)
        return out, out.detach().square().mean()


def test_a_number_without_a_gradient_is_nobodys_loss() -> None:
    engine, model, optimizer, loader = private(module=Told())
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x)[0], y).backward()
        optimizer.step()
    assert engine.steps == 10


def test_looking_for_a_loss_is_no_pass_of_the_plan() -> None:
    """An evaluation before the first step leaves the module watched; two ways to call it are looked at in one batch."""
    module = Labelled()
    _, model, optimizer, loader = private(module=module, sigma=1e-4, clip=0.1, lr=1.0)
    with torch.no_grad():
        model.eval()(torch.randn(5, 8))
    model.train()
    x, y = next(iter(loader))
    before = {name: tensor.clone() for name, tensor in module.named_parameters()}
    wanted = alone(module, {"x": x, "labels": y}, 0.1)
    optimizer.zero_grad()
    model(x)
    model(x, labels=y)["loss"].backward()
    optimizer.step()
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(before[name] - parameter, wanted[name] / 40, rtol=1e-3, atol=2e-5)


def test_outside_training_the_module_gives_its_own_loss() -> None:
    _, model, _, loader = private(dataset=sentences(), module=Reader())
    x, y = next(iter(loader))
    model(x, labels=y)
    with torch.no_grad():
        loss, logits = model.eval()(x, labels=y)
    torch.testing.assert_close(loss, F.cross_entropy(logits.flatten(0, 1), y.flatten()))
