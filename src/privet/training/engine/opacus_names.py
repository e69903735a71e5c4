"""Arguments as Opacus names them, turned into ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from privet.core.errors import InvalidParameter

_WAYS = ("hooks", "functorch", "ew", "ghost", "ghost_fsdp")
_ADAPTIVE = {
    "target_unclipped_quantile": "quantile",
    "clipbound_learning_rate": "learning_rate",
    "unclipped_num_std": "count_noise",
    "min_clipbound": "least",
    "max_clipbound": "most",
}


def criterion_wanted(mode: str | None, criterion: nn.Module | None, *, reduction: str) -> nn.Module | None:
    """The criterion that is to be given back, if any: where a ``mode`` is stated, only in the ghost ones.

    Errors: InvalidParameter.
    """
    if mode is None:
        return criterion
    if mode not in _WAYS:
        raise InvalidParameter(f"grad_sample_mode is {mode!r}; give one of {', '.join(_WAYS)}, or leave it out")
    if "ghost" not in mode:
        return None
    return nn.CrossEntropyLoss(reduction=reduction) if criterion is None else criterion


def adaptive_options(given: Mapping[str, Any], *, clipping: object) -> dict[str, Any]:
    """Options of adaptive clipping by our names. Errors: TypeError for any other argument."""
    if given and clipping != "adaptive":
        raise TypeError(f"make_private() got an unexpected keyword argument {next(iter(given))!r}")
    unknown = [name for name in given if name not in _ADAPTIVE]
    if unknown:
        raise TypeError(f"make_private() got an unexpected keyword argument {unknown[0]!r}")
    return {_ADAPTIVE[name]: value for name, value in given.items()}


def refuse_old(*, noise_generator: object, batch_first: bool, wrap_model: bool, rand_on_empty: bool) -> None:
    """Refuse what would break the plan. Errors: InvalidParameter."""
    if not batch_first:
        raise InvalidParameter("batch_first is False; give the module batches with examples in the first axis")
    if noise_generator is not None:
        raise InvalidParameter(
            "noise_generator was given; noise that can be made again can be taken away again, so it is always drawn "
            "anew from the gate: leave noise_generator out"
        )
    if not wrap_model:
        raise InvalidParameter(
            "wrap_model is False; train the module that make_private gives back: what is asked of it that it lacks is "
            "asked of yours"
        )
    if rand_on_empty:
        raise InvalidParameter(
            "rand_on_empty is True; an empty batch is stepped on as noise alone, and made-up examples would only be "
            "in its way: leave rand_on_empty out"
        )
