"""Modules that run by a forward pass of ours while they are recorded, and by their own at any other time.

A module's class is changed to a subclass for as long as its tape is attached. A deep copy is of that class too, but no
tape knows it, so it runs as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from privet.training.per_example.uses import Use


class Recorded:
    """The changed class. ``recorded_forward`` adds its uses and gives the output and the number of examples."""

    def recorded_forward(self, uses: list[Use], *args: Any, **kwargs: Any) -> tuple[Any, int]:
        raise NotImplementedError

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return _apart[0](self, *args, **kwargs)
        return self._recorded_or_plain(*args, **kwargs)

    def _recorded_or_plain(self, *args: Any, **kwargs: Any) -> Any:
        begin = _beginnings.get(self)
        found = begin() if begin is not None else None
        if found is None:
            return super().forward(*args, **kwargs)  # type: ignore[misc]
        uses, count = found
        out, batch = self.recorded_forward(uses, *args, **kwargs)
        count(batch)
        return out

    def _get_name(self) -> str:
        return str(plain_class(type(self)).__name__)


Begin = Callable[[], tuple[list[Use], Callable[[int], None]] | None]
_beginnings: WeakKeyDictionary[Any, Begin] = WeakKeyDictionary()


# How a compiler shall run them; nothing before there is one.
_apart: list[Callable[..., Any]] = [Recorded._recorded_or_plain]


def keep_apart() -> None:
    """From now on compilers leave these modules to run by themselves: they can make no sense of what is recorded."""
    _apart[:] = [torch.compiler.disable(Recorded._recorded_or_plain)]


def plain_class(kind: type) -> type:
    """The class that a module of this one has when it is not recorded."""
    return next(base for base in kind.__mro__ if not issubclass(base, Recorded)) if issubclass(kind, Recorded) else kind


def start(module: nn.Module, kind: type, begin: Begin) -> None:
    """From now on ``begin`` is asked, at each call, whether it is recorded."""
    module.__class__ = kind
    _beginnings[module] = begin


def stop(module: nn.Module) -> None:
    """The module is as it was."""
    _beginnings.pop(module, None)
    module.__class__ = plain_class(type(module))
