"""How a plan is carried out: knobs that change speed and memory, never what is sampled, clipped, added or paid."""

from __future__ import annotations

from dataclasses import dataclass

from privet.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Execution:
    """``physical_batch_size`` examples go through the module at once (None: the whole batch); ``memory`` in bytes may
    be taken by gradients of single examples that are kept (None: as much as makes a step take about twice what a plain
    one does, and at most a gibibyte, or a quarter of a GPU's memory; 0: the lean way); ``device``, such as "cuda", is
    where ``fit`` trains ("auto": on this process's GPU if there is one; None: where the module is); ``autocast`` names
    the precision of its passes, "bfloat16" or "float16" (None: the module's own); ``compile`` sends the module's passes
    through torch.compile, which takes a while at the first steps; ``alone`` trains in this process only, though there
    is a process group of several.

    Errors: InvalidParameter.

    >>> Execution(physical_batch_size=0)
    Traceback (most recent call last):
    privet.core.errors.InvalidParameter: physical_batch_size is 0; give a whole number of at least 1, or None
    """

    physical_batch_size: int | None = None
    memory: int | None = None
    device: str | None = None
    autocast: str | None = None
    compile: bool = False
    alone: bool = False

    def __post_init__(self) -> None:
        most = self.physical_batch_size
        if most is not None and most < 1:
            raise InvalidParameter(f"physical_batch_size is {most}; give a whole number of at least 1, or None")
        if self.memory is not None and self.memory < 0:
            raise InvalidParameter(f"memory is {self.memory} bytes; give at least 0")
        if self.autocast not in (None, "bfloat16", "float16"):
            raise InvalidParameter(f'autocast is {self.autocast!r}; give "bfloat16", "float16" or None')
