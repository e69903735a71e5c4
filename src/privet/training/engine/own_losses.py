"""Losses that a module makes by itself, as those of Hugging Face do: one for each example, then their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from privet.training.engine.criterion import single_losses
from privet.training.per_example.owners import UnsupportedModule, first, undisturbed
from privet.training.per_example.tape import Tape
from privet.training.per_example.watch import size_of

_LOSSES = {
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.cross_entropy,
    F.huber_loss,
    F.l1_loss,
    F.mse_loss,
    F.nll_loss,
    F.smooth_l1_loss,
}


Examples = Callable[[Any, Any], tuple[Any, Any] | None]


class OwnLosses:
    """Finds a module's own losses and takes them apart.

    Guarantee: what is differentiated is a plain mean or sum of single examples' losses. A mean over all tokens of a
    batch, which lets one long example weaken all others, becomes the mean of the examples' means.
    Shapes: a loss of one number; entries of an example lie together in the first axis of what it is computed from.
    Errors: UnsupportedModule for a loss that is no function of torch.nn.functional.
    """

    def __init__(self, module: nn.Module, *, reduction: str) -> None:
        self._module, self._reduction = module, reduction
        self._known: dict[Any, tuple[int, ...]] = {}
        self._single = _SingleLosses()

    def places(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], *, tape: Tape | None, examples: Examples
    ) -> tuple[int, ...]:
        """Which tensors of the output are losses of the whole batch, found out once for each way to call it.

        ``examples`` gives what to find it out on, if there is any.
        """
        given = frozenset(name for name, value in kwargs.items() if value is not None) if kwargs else None
        way = (len(args), given)
        if way not in self._known:
            found = examples(args, kwargs)
            if found is None:
                return ()
            own_args, own_kwargs = tree_map(lambda leaf: first(leaf, 2), found)
            with undisturbed(self._module), nullcontext() if tape is None else tape.paused():
                self._known[way] = _numbers(self._module(*own_args, **own_kwargs))
        return self._known[way]

    @contextmanager
    def taken_apart(self) -> Iterator[None]:
        """Within the block the module gives a loss for each example in place of one for all."""

        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            self._single.examples = size_of((args, kwargs))

        def after(module: nn.Module, args: Any, output: Any) -> None:
            if _numbers(output):
                raise UnsupportedModule(
                    f"{type(module).__name__} gives a number for the whole batch that is no loss of "
                    "torch.nn.functional, so one example may change the gradients of all; let it give the outputs of "
                    "each example, and compute the loss from them in the loop"
                )

        handles = [
            self._module.register_forward_pre_hook(before, with_kwargs=True),
            self._module.register_forward_hook(after),
        ]
        try:
            with self._single:
                yield
        finally:
            for handle in handles:
                handle.remove()

    def joined(self, output: Any, places: tuple[int, ...]) -> Any:
        """The output with the mean or sum of the examples' losses again."""
        leaves, structure = tree_flatten(output)
        for place in places:
            losses = leaves[place]
            mean = self._reduction == "mean" and len(losses)
            leaves[place] = losses.mean() if mean else losses.sum()
        return tree_unflatten(leaves, structure)


class _SingleLosses(TorchFunctionMode):  # type: ignore[misc]
    """Answers for functions that reduce losses to one number with a number for each of so many ``examples``."""

    examples = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        reduction = given.get("reduction", "mean")
        if func not in _LOSSES or reduction == "none":
            return func(*args, **given)
        losses = func(*args, **{**given, "reduction": "none"})
        if not self.examples:
            return losses.new_zeros(0) + losses.sum()
        if losses.numel() % self.examples:
            return func(*args, **given)
        target = args[1] if len(args) > 1 else given["target"]
        ignored = given.get("ignore_index", -100) if func in (F.cross_entropy, F.nll_loss) else None
        kept = None if ignored is None or target.is_floating_point() else target != ignored
        return single_losses(losses, kept, examples=self.examples, reduction=reduction)


def _numbers(output: Any) -> tuple[int, ...]:
    """Places of single numbers with a gradient among the output's tensors."""
    leaves = tree_flatten(output)[0]
    return tuple(
        place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and not leaf.dim() and leaf.requires_grad
    )
