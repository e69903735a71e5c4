"""The user's module, watched: it behaves as before, and its passes can be clipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from privet.training.engine.own_losses import OwnLosses
from privet.training.per_example.piece import Piece
from privet.training.per_example.watch import Watch
from privet.training.validators.module_validator import mixes_a_batch, refusals, refuse


class PrivateModule(nn.Module):  # type: ignore[misc]
    """Calls the wrapped module and records the pass. What is asked of it that it lacks is asked of the module.

    ``wrapped`` is the plain module, whose ``state_dict`` has no prefix. ``passed`` is the part of a batch that went
    through last, to be trained on. A loss that the module makes by itself is that of each example alone.
    Errors: UnsupportedModule for what is refused by name, now or when a later ``train()`` makes it so.
    """

    def __init__(
        self, module: nn.Module, *, memory: int | None = None, watch: Watch | None = None, loss_reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.wrapped = module
        refuse(list(refusals(module)))
        self._norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
        self.watch = watch or Watch(module, memory=memory)
        self._losses = OwnLosses(module, reduction=loss_reduction)

    @property
    def passed(self) -> Piece | None:
        return self.watch.passed

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        watch = self.watch
        if self._norms and any(map(mixes_a_batch, self._norms)):
            refuse(list(refusals(self.wrapped)))
        if not torch.is_grad_enabled():
            return watch(*args, **kwargs)
        if watch.piece is not watch.passed and watch.awaits:
            # A pass over an earlier batch that nobody differentiated.
            watch.forget()
        places = self._losses.places(args, kwargs, tape=watch._tape, examples=watch.examples)
        out = self._taken_apart(places, args, kwargs) if places else watch(*args, **kwargs)
        watch.passed = watch.piece
        if not watch.batch_size:
            # Nobody's gradients; layers that cannot be differentiated for no example need not try.
            watch.forget()
        return out

    def _taken_apart(self, places: tuple[int, ...], args: Any, kwargs: Any) -> Any:
        with self._losses.taken_apart():
            out = self.watch(*args, **kwargs)
        return self._losses.joined(out, places)

    def forget(self) -> None:
        """Drop recorded gradients, as ``zero_grad`` does, but no pass whose backward pass is still to come."""
        if not self.watch.awaits:
            self.watch.forget()

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.forget()
        super().zero_grad(set_to_none)

    @property
    def _module(self) -> nn.Module:
        """What older loops call the wrapped module."""
        return self.wrapped

    def to_standard_module(self) -> nn.Module:
        """The plain module, no longer watched."""
        self.watch.release()
        return self.wrapped

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("wrapped"), name)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The plain module's, so that it can be loaded anywhere."""
        return self.wrapped.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Into the plain module; names may have the prefix that Opacus gives them."""
        if state_dict and all(name.startswith("_module.") for name in state_dict):
            state_dict = {name.removeprefix("_module."): value for name, value in state_dict.items()}
        return self.wrapped.load_state_dict(state_dict, *args, **kwargs)
