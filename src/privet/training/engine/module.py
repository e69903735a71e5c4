"""The user's module, watched: it behaves as before, and its passes can be clipped."""

from __future__ import annotations

from typing import Any

from torch import nn

from privet.training.per_example.reading import MEMORY
from privet.training.per_example.watch import Watch


class PrivateModule(nn.Module):  # type: ignore[misc]
    """Calls the wrapped module and records the pass. What is asked of it that it lacks is asked of the module.

    ``wrapped`` is the plain module, whose ``state_dict`` has no prefix.
    """

    def __init__(self, module: nn.Module, *, memory: int = MEMORY, watch: Watch | None = None) -> None:
        super().__init__()
        self.wrapped = module
        self._watch = watch or Watch(module, memory=memory)

    @property
    def watch(self) -> Watch:
        return self._watch

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._watch(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("wrapped"), name)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The plain module's, so that it can be loaded anywhere."""
        return self.wrapped.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self.wrapped.load_state_dict(*args, **kwargs)
