"""Recurrent layers and attention run by our own forward pass while recorded: same outputs, states and gradients."""

from __future__ import annotations

import copy
import io

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training.per_example.owners import UnsupportedModule  # noqa: E402
from privet.training.per_example.tape import Tape  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402

from . import reference  # noqa: E402

KINDS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "tanh": nn.RNN, "relu": nn.RNN}


class Sequences(nn.Module):
    """Everything that a recurrent layer gives is used: its outputs and its last states."""

    def __init__(self, kind: str, *, packed: bool = False, given: bool = False, **settings) -> None:
        super().__init__()
        extra = {"nonlinearity": kind} if kind in ("tanh", "relu") else {}
        self.layer = KINDS[kind](4, 5, **extra, **settings)
        ways = 2 if self.layer.bidirectional else 1
        self.head = nn.Linear(5 * ways + 5, 3)
        self.packed, self.given, self.states = packed, given, ways * self.layer.num_layers

    def forward(self, x):
        first, lengths = self.layer.batch_first, x[:, 0, 0].abs().mul(3).long().clamp(0, x.shape[1] - 1) + 1
        sequence = x if first else x.transpose(0, 1)
        state = x[:, 0, :1].repeat(self.states, 1, 5) if self.given else None
        if self.given and isinstance(self.layer, nn.LSTM):
            state = (state, state * 0.5)
        if self.packed:
            sequence = pack_padded_sequence(sequence, lengths.cpu(), batch_first=first, enforce_sorted=False)
        out, last = self.layer(sequence, state)
        if self.packed:
            out, _ = pad_packed_sequence(out, batch_first=first)
        last = sum(part.sum(0) for part in last) if isinstance(last, tuple) else last.sum(0)
        return self.head(torch.cat([out.sum(1 if first else 0), last], 1))


def compared(net: nn.Module, x, y, *, clip: float = 0.5) -> None:
    plain = copy.deepcopy(net)
    watch = Watch(net)
    out = watch(x)
    torch.testing.assert_close(out, plain(x), rtol=1e-5, atol=1e-6)
    F.cross_entropy(out, y).backward()
    found = watch.clipped_sum(clip_norm=clip, scale=float(len(x)))
    wanted, norms = reference.clipped_sum(plain, x, y, clip_norm=clip)
    torch.testing.assert_close(found.norms, norms, rtol=1e-4, atol=1e-6)
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(found.sums[parameter], wanted[name], rtol=1e-3, atol=1e-5)
    assert all(call.owner.rule is not None for call in _calls(watch, x))
    watch.release()


def _calls(watch: Watch, x):
    watch(x)
    calls = list(watch._tape.calls)
    watch.forget()
    return calls


@pytest.mark.parametrize("kind", list(KINDS))
@settings(max_examples=12, deadline=None)
@given(
    layers=st.integers(1, 2), both=st.booleans(), first=st.booleans(), bias=st.booleans(), packed=st.booleans(),
    given_state=st.booleans(), batch=st.integers(1, 5), steps=st.integers(1, 6), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_recurrent_layers_of_every_kind(
    kind, layers, both, first, bias, packed, given_state, batch, steps, seed
) -> None:
    torch.manual_seed(seed)
    options = {"num_layers": layers, "bidirectional": both, "batch_first": first, "bias": bias}
    net = Sequences(kind, packed=packed, given=given_state, **options)
    compared(net, torch.randn(batch, steps, 4), torch.randint(3, (batch,)))


def test_sequences_longer_than_wide_and_wider_than_long() -> None:
    """One takes norms by Gram matrices, the other by the gradients themselves."""
    torch.manual_seed(1)
    for steps in (2, 40):
        compared(Sequences("LSTM", batch_first=True), torch.randn(4, steps, 4), torch.randint(3, (4,)))


class Attending(nn.Module):
    def __init__(self, *, crossed: bool = False, masks: str = "", weights: bool = False, **settings) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(8, 2, **settings)
        self.head = nn.Linear(8, 3)
        self.crossed, self.masks, self.weights = crossed, masks, weights

    def forward(self, x):
        first = self.layer.batch_first
        other = torch.cat([x, x.flip(1)], 1)[:, : x.shape[1] + 1] if self.crossed else x
        k, v = other, (other * 2 if self.crossed else other)
        if self.layer.kdim != 8:
            k, v = other[..., :6], other[..., :4]
        options = {"need_weights": self.weights, "average_attn_weights": False}
        if "causal" in self.masks:
            options["attn_mask"] = torch.ones(x.shape[1], other.shape[1]).triu(1).bool()
        if "float" in self.masks:
            options["attn_mask"] = torch.arange(x.shape[1] * other.shape[1]).sin().view(x.shape[1], -1)
        if "each" in self.masks:
            options["attn_mask"] = torch.zeros(len(x) * 2, x.shape[1], other.shape[1]).index_fill(
                2, torch.tensor([0]), 1.0
            )
        if "padding" in self.masks:
            padding = torch.zeros(len(x), other.shape[1], dtype=torch.bool)
            padding[:, -1] = x[:, 0, 0] > 0
            options["key_padding_mask"] = padding if "each" not in self.masks else padding.float() * -9
        parts = (x, k, v) if first else tuple(part.transpose(0, 1) for part in (x, k, v))
        parts = parts if self.crossed or self.layer.kdim != 8 else (parts[0],) * 3
        out, weights = self.layer(*parts, **options)
        out = out.sum(1 if first else 0)
        if weights is not None:
            out = out + weights.square().sum((1, 2, 3))[:, None]
        return self.head(out)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weights": True},
        {"bias": False},
        {"crossed": True},
        {"crossed": True, "weights": True, "masks": "causal padding"},
        {"kdim": 6, "vdim": 4},
        {"kdim": 6, "vdim": 4, "bias": False, "crossed": True},
        {"masks": "causal"},
        {"masks": "float", "weights": True},
        {"masks": "padding"},
        {"masks": "each padding", "add_zero_attn": True},
        {"add_zero_attn": True, "weights": True},
    ],
    ids=str,
)
def test_attention_with_every_option(options, first: bool) -> None:
    torch.manual_seed(2)
    net = Attending(batch_first=first, **options)
    compared(net, torch.randn(5, 4, 8), torch.randint(3, (5,)))


def test_attention_with_learned_keys_is_differentiated_once_more() -> None:
    torch.manual_seed(2)
    net = nn.Sequential(Attending(batch_first=True, add_bias_kv=True))
    x, y = torch.randn(5, 4, 8), torch.randint(3, (5,))
    plain, watch = copy.deepcopy(net), Watch(net)
    F.cross_entropy(watch(x), y).backward()
    _wanted, norms = reference.clipped_sum(plain, x, y, clip_norm=0.5)
    torch.testing.assert_close(watch.clipped_sum(clip_norm=0.5, scale=5.0).norms, norms, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("norm_first", [True, False])
def test_transformer_layers_themselves(norm_first: bool) -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            options = {"dropout": 0.0, "batch_first": True, "norm_first": norm_first}
            self.reads = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(8, 2, 12, **options), 2, enable_nested_tensor=False
            )
            self.writes = nn.TransformerDecoderLayer(8, 2, 12, **options)
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
            seen = self.reads(x, mask=mask, is_causal=True)
            return self.head(self.writes(x, seen, tgt_mask=mask).mean(1))

    torch.manual_seed(3)
    compared(Both(), torch.randn(4, 5, 8), torch.randint(3, (4,)))


def test_dropout_of_the_recorded_pass_is_the_one_that_counts() -> None:
    """Outputs move with the loss that is differentiated: a step along the gradients lowers it as far as they say."""
    torch.manual_seed(4)
    for net in (
        Sequences("LSTM", num_layers=2, dropout=0.5, batch_first=True),
        nn.Sequential(
            nn.TransformerEncoderLayer(8, 2, 12, dropout=0.4, batch_first=True), nn.Flatten(), nn.Linear(32, 3)
        ),
    ):
        net.double()
        width = 4 if isinstance(net, Sequences) else 8
        x, y = torch.randn(6, 4, width).double(), torch.randint(3, (6,))
        watch = Watch(net)
        torch.manual_seed(11)
        watch(x)  # the first pass also finds owners
        watch.forget()
        torch.manual_seed(11)
        before = F.cross_entropy(watch(x), y)
        before.backward()
        sums = watch.clipped_sum(clip_norm=1e9).sums
        slope = sum(float(total.square().sum()) for total in sums.values())
        with torch.no_grad():
            for parameter, total in sums.items():
                parameter -= 1e-6 * total
        torch.manual_seed(11)
        after = F.cross_entropy(watch(x), y)
        assert float((before - after).detach()) == pytest.approx(1e-6 * slope, rel=1e-3)
        watch.release()


def test_copies_pickles_and_released_modules_are_as_they_were() -> None:
    net = Sequences("LSTM", batch_first=True)
    watch, x = Watch(net), torch.randn(3, 4, 4)
    watch(x)
    assert repr(net.layer) == "LSTM(4, 5, batch_first=True)"
    assert isinstance(net.layer, nn.LSTM)
    copied = copy.deepcopy(net)
    watch.forget()
    copied(x).sum().backward()
    assert not watch._tape.calls
    assert copied.layer.weight_hh_l0.grad is not None
    assert set(net.state_dict()) == set(Sequences("LSTM", batch_first=True).state_dict())
    watch.release()
    assert type(net.layer) is nn.LSTM
    kept = io.BytesIO()
    torch.save(net, kept)
    kept.seek(0)
    torch.testing.assert_close(torch.load(kept, weights_only=False)(x), net(x))
    compared(net, x, torch.randint(3, (3,)))


def test_layers_that_take_sequences_without_a_batch_are_refused() -> None:
    class Single(nn.Module):
        def __init__(self, layer) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(*([x] * (3 if isinstance(self.layer, nn.MultiheadAttention) else 1)))[0]

    for layer in (nn.GRU(4, 4), nn.MultiheadAttention(4, 2)):
        with pytest.raises(InvalidParameter, match="a batch"):
            Watch(Single(layer))(torch.randn(5, 4))


def test_sequences_inside_examples_are_clipped_by_example() -> None:
    """A batch of documents of sentences of words: the recurrent layer sees sentences, not documents."""

    class Documents(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x):
            out, _ = self.layer(x.flatten(0, 1))
            return self.head(out[:, -1].unflatten(0, x.shape[:2]).mean(1))

    torch.manual_seed(5)
    net, x, y = Documents(), torch.randn(4, 3, 6, 4), torch.randint(3, (4,))
    plain, watch = copy.deepcopy(net), Watch(net)
    F.cross_entropy(watch(x), y).backward()
    _, norms = reference.clipped_sum(plain, x, y, clip_norm=0.5)
    torch.testing.assert_close(watch.clipped_sum(clip_norm=0.5, scale=4.0).norms, norms, rtol=1e-4, atol=1e-6)


def test_a_tape_lets_go_of_what_it_replaced() -> None:
    layer = nn.GRU(4, 5)
    from privet.training.per_example.tape import Owner

    tape = Tape([Owner.of("layer", layer, whole=False)])
    with tape.attached():
        assert type(layer) is not nn.GRU
    assert type(layer) is nn.GRU


def test_outputs_whose_examples_lie_elsewhere_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedModule, match="first axis"):
        Watch(nn.GRU(3, 4, batch_first=True))(torch.randn(5, 2, 3))


def test_a_module_may_squeeze_its_output() -> None:
    class Score(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x):
            return self.layer(x).squeeze()

    net, x = Score(), torch.randn(4, 3)
    watch = Watch(net)
    for batch in (x, x[:1]):
        watch(batch).sum().backward()
        expected = (batch.square().sum(1) + 1).sqrt()
        torch.testing.assert_close(watch.clipped_sum(clip_norm=1.0).norms, expected)
