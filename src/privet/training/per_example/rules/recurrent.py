"""nn.LSTM, nn.GRU and nn.RNN: any number of layers, both directions, packed sequences, dropout between layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from privet.core.errors import InvalidParameter
from privet.training.per_example.recorded import Recorded
from privet.training.per_example.recurrence import GruPass, LstmPass, RnnPass, Weights
from privet.training.per_example.uses import Use, UsesRule


class _Recurrent(Recorded):
    """Runs its layers by lean passes while it is recorded."""

    batch_first: bool
    bidirectional: bool
    bias: bool
    dropout: float
    hidden_size: int
    nonlinearity: str
    num_layers: int
    training: bool
    weight_hh_l0: nn.Parameter

    def recorded_forward(self, uses: list[Use], input: Any, hx: Any = None) -> tuple[Any, int]:
        # In full precision even under autocast: the loop over time writes in place.
        with torch.autocast(self.weight_hh_l0.device.type, enabled=False):
            return self._run(uses, input, hx)

    def _run(self, uses: list[Use], given: Any, hx: Any) -> tuple[Any, int]:
        packed, kind = isinstance(given, PackedSequence), self.weight_hh_l0.dtype
        lengths: Tensor | None = None
        if packed:
            x, lengths = pad_packed_sequence(given)
        elif given.dim() != 3:
            raise InvalidParameter("a recurrent layer was given one sequence without a batch; give it a batch")
        else:
            x = given.transpose(0, 1) if self.batch_first else given
        x = x.to(kind)
        out, last = self._layers(uses, x, self._states(hx, x), lengths)
        if packed:
            out = pack_padded_sequence(out, lengths, enforce_sorted=given.sorted_indices is None)
        elif self.batch_first:
            out = out.transpose(0, 1)
        states = [torch.stack(parts) for parts in zip(*last, strict=True)]
        return (out, tuple(states) if isinstance(self, nn.LSTM) else states[0]), x.shape[1]

    def _states(self, hx: Any, x: Tensor) -> list[tuple[Tensor, ...]]:
        """State before the first step of each layer and direction: hidden and, of LSTMs, cell."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        kinds = 2 if isinstance(self, nn.LSTM) else 1
        if hx is None:
            zeros = x.new_zeros(x.shape[1], self.hidden_size)
            return [(zeros,) * kinds] * count
        given = hx if isinstance(hx, tuple) else (hx,)
        return [tuple(part[number].to(x.dtype) for part in given) for number in range(count)]

    def _layers(self, uses: list[Use], x: Tensor, states: Any, lengths: Tensor | None) -> tuple[Tensor, list[Any]]:
        last, ways = [], ["", "_reverse"] if self.bidirectional else [""]
        for layer in range(self.num_layers):
            made = []
            for number, way in enumerate(ways):
                seen = _turned(x, lengths) if way else x
                state = states[layer * len(ways) + number]
                hidden, final = self._pass(uses, seen, state, f"_l{layer}{way}", lengths)
                last.append(final)
                made.append(_turned(hidden, lengths) if way else hidden)
            x = torch.cat(made, 2) if len(made) > 1 else made[0]
            if self.dropout and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        return x, last

    def _pass(self, uses: list[Use], x: Tensor, state: Any, suffix: str, lengths: Tensor | None) -> Any:
        names = [f"{part}{suffix}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        biased = names[2:] if self.bias else [None, None]
        own = [Use(name, bias, x.detach(), time_first=True) for name, bias in zip(names[:2], biased, strict=True)]
        for use in own:
            uses.append(use)
        found = [None if name is None else getattr(self, name).detach() for name in [*names[:2], *biased]]
        weights: Weights = tuple(found)  # type: ignore[assignment]
        anchor = torch.zeros((), requires_grad=True, device=x.device)
        if isinstance(self, nn.LSTM):
            hidden, cell = LstmPass.apply(x, *state, anchor, weights, own)
            return hidden, (_last(hidden, lengths), _last(cell, lengths))
        if isinstance(self, nn.GRU):
            hidden = GruPass.apply(x, *state, anchor, weights, own)
        else:
            hidden = RnnPass.apply(x, *state, anchor, weights, own, self.nonlinearity)
        return hidden, (_last(hidden, lengths),)


class RecordedLSTM(_Recurrent, nn.LSTM):  # type: ignore[misc]
    """An nn.LSTM while its passes are recorded."""


class RecordedGRU(_Recurrent, nn.GRU):  # type: ignore[misc]
    """An nn.GRU while its passes are recorded."""


class RecordedRNN(_Recurrent, nn.RNN):  # type: ignore[misc]
    """An nn.RNN while its passes are recorded."""


class Recurrent(UsesRule):
    types = (nn.LSTM, nn.GRU, nn.RNN)
    recorded: ClassVar[Mapping[type[nn.Module], type]] = {
        nn.LSTM: RecordedLSTM,
        nn.GRU: RecordedGRU,
        nn.RNN: RecordedRNN,
    }

    def handles(self, module: Any) -> bool:
        """Projections are left to differentiation."""
        return not getattr(module, "proj_size", 0)


def _turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Time in the other direction, each sequence within its own length; turning twice is turning back."""
    if lengths is None:
        return x.flip(0)
    times = torch.arange(len(x), device=x.device)[:, None]
    own = lengths.to(x.device)[None, :]
    source = torch.where(times < own, own - 1 - times, times)
    return x.gather(0, source[:, :, None].expand_as(x))


def _last(hidden: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return hidden[-1]
    at = (lengths.to(hidden.device) - 1)[None, :, None].expand(1, -1, hidden.shape[2])
    return hidden.gather(0, at)[0]


RULE = Recurrent()
