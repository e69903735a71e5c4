"""A module whose passes are recorded so that the gradients of single examples can be clipped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from privet.core.errors import PermitError
from privet.training.per_example import heap
from privet.training.per_example.clipping import ClippedSum, Factors, clip_factors, factored_sum, grads_of_examples
from privet.training.per_example.compiled import CompiledPasses
from privet.training.per_example.first_batch import FirstLook
from privet.training.per_example.piece import Piece
from privet.training.per_example.reading import MEMORY, ByParameter, Reader
from privet.training.per_example.rules.chain import Chain
from privet.training.per_example.scratch import Scratch
from privet.training.per_example.tape import Tape
from privet.training.per_example.whole_pass import WholePass

# A plain step takes 1.3 to 3 times what its pass and its gradients hold, mostly 1.7: much comes and goes.
_SHARE = 1.4
# Of all memory of a GPU, which nobody else is on as a rule.
_SHARE_OF_DEVICE = 0.25


class Watch:
    """Call it as the module; after the backward pass ask for the clipped sum. Several passes add up until then.

    Examples lie in the first axis of every tensor that the module takes and gives. The first batch shows which part of
    the module answers for which parameter; on three of its examples every gradient is compared with the plain one.
    ``batch_size`` is the number of examples of the latest pass: private. ``memory`` in bytes may be taken by gradients
    of single examples; None is as much as makes a step take about twice what a plain one does. ``compile`` runs passes
    through torch.compile.
    Errors: UnsupportedModule, naming the part and what to use instead.

    >>> watch = Watch(nn.Linear(2, 1, bias=False))
    >>> watch(torch.tensor([[3.0, 4.0], [0.0, 0.5]])).sum().backward()
    >>> watch.clipped_sum(clip_norm=1.0).norms
    tensor([5.0000, 0.5000])
    """

    def __init__(self, module: nn.Module, *, memory: int | None = None, compile: bool = False) -> None:
        self.module = module
        self._compile = compile
        self._compiled: CompiledPasses | None = None
        self._memory, self._scratch = memory, Scratch()
        self.batch_size = 0
        self._tape: Tape | None = None
        self._held: float | None = None
        self._reader: Reader | None = None
        self._batches: _Batches | None = None
        self._whole: WholePass | None = None
        self._first = True
        # What came last, and what went through last, to be trained on; None before any.
        self.piece: Piece | None = None
        self.passed: Piece | None = None

    def guard(self) -> None:
        """From now on record only whole batches that were begun, each for one step: what a plan accounts for."""
        self._batches, self.piece = _Batches(), None

    @property
    def awaits(self) -> bool:
        """Whether a recorded pass is still to be differentiated."""
        calls = self._tape.calls if self._tape is not None else []
        return bool(calls) and not any(call.reached for call in calls)

    @property
    def holds(self) -> bool:
        """Whether anything is recorded."""
        return self._whole is not None or (self._tape is not None and bool(self._tape.calls))

    def begin(self, piece: Piece) -> None:
        """These examples come next."""
        if self._batches is not None:
            self.piece = piece
            self._batches.begin(piece.size)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.batch_size = size_of((args, kwargs))
        if self._batches is not None and torch.is_grad_enabled():
            going_on = self._tape is not None and bool(self._tape.calls)
            problem = self._batches.problem(self.batch_size, going_on=going_on)
            if problem is not None and self.module.training:
                raise PermitError(problem)
            if problem is not None:
                return self._unrecorded(args, kwargs)
        if self._tape is None and self.batch_size:
            look = FirstLook.at(self.module, args, kwargs, dissolved=self._compile)
            self._compiled = CompiledPasses(self.module, look.owners) if self._compile else None
            self._take_up(Tape(look.owners, apart=self._compile), look)
            if self._compiled is not None:
                self._compiled.attach()
        if self._tape is None or self._reader is None:
            return self.module(*args, **kwargs)
        self._reader.allow(self._allowed(), examples=self.batch_size)
        # A call of the module that goes around this one is nobody's part of a batch.
        with self._tape.opened():
            if self._compiled is not None and self.batch_size and torch.is_grad_enabled():
                return self._compiled(self._tape, self._reader, args, kwargs)
            return self.module(*args, **kwargs)

    def _take_up(self, tape: Tape, look: FirstLook) -> None:
        """Record from now on."""
        self._tape, self._held = tape, look.held
        self._reader = Reader(tape, memory=self._allowed(), scratch=self._scratch)
        tape.attach()

    def _allowed(self) -> int:
        """Bytes that gradients of single examples may take of a batch as large as the present one."""
        if self._memory is not None:
            return self._memory
        if self._held is None:
            return MEMORY
        trained = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        gradients = sum(parameter.numel() * parameter.element_size() for parameter in trained)
        return min(self._most(), int(_SHARE * (self._held * self.batch_size + gradients)))

    def _most(self) -> int:
        device = next(self.module.parameters()).device
        if device.type != "cuda":
            return MEMORY
        total = int(torch.cuda.get_device_properties(device).total_memory)
        return max(MEMORY, int(_SHARE_OF_DEVICE * total))

    def examples(self, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """A batch to find something out on; None if it has no examples."""
        return (args, kwargs) if size_of((args, kwargs)) else None

    def run(self, x: Tensor, slope: Callable[[Tensor], Tensor]) -> bool:
        """A pass and its backward pass without autograd, where the whole module is a chain; else False, and no pass.

        ``slope`` gives the gradient of the loss from the output. Gradients must be off, until the sum is taken.
        """
        tape = self._tape
        if tape is None or self._batches is None or len(tape.owners) != 1 or not x.dim():
            return False
        owner = tape.owners[0]
        if owner.module is not self.module or not isinstance(owner.rule, Chain):
            return False
        if torch.is_autocast_enabled("cpu" if x.is_cpu else x.device.type):
            return False
        size = x.shape[0]
        if not size:
            return False
        self.batch_size = size
        problem = self._batches.problem(size, going_on=bool(tape.calls) or self._whole is not None)
        if problem is not None:
            raise PermitError(problem)
        self._whole = WholePass(owner)
        self._whole.run(x, slope)
        self.passed = self.piece
        return True

    def _unrecorded(self, args: Any, kwargs: Any) -> Any:
        """A pass in eval mode that is no part of the plan: without gradients, so that none can be stepped on."""
        with torch.no_grad():
            return self.module(*args, **kwargs)

    def clipped_sum(self, *, clip_norm: float, scale: float = 1.0) -> ClippedSum:
        """See ``clipping.clipped_sum``; after an empty batch, zeros for no example."""
        return self.factored_sum(partial(clip_factors, clip_norm=clip_norm), scale=scale)

    def factored_sum(self, factors_of: Factors, *, scale: float = 1.0) -> ClippedSum:
        """See ``clipping.factored_sum``."""
        whole, self._whole = self._whole, None
        if whole is not None and self._batches is not None:
            quick = whole.factored_sum(factors_of, scale=scale)
            if quick is not None:
                self._batches.step()
                return quick
            self._whole = whole
        reader = self._recorded()
        if reader is None:
            return ClippedSum({}, torch.zeros(0))
        found = factored_sum(reader, factors_of, scale=scale)
        self._read(reader)
        return found

    def gradients(self) -> ByParameter:
        """Every recorded example's gradient, as it is; nothing after an empty batch. Shapes: (B, *parameter)."""
        reader = self._recorded()
        if reader is None:
            return {}
        found = grads_of_examples(reader)
        self._read(reader)
        return found

    def _read(self, reader: Reader) -> None:
        """Let go of a batch."""
        reader.clear()
        if self._first:
            # On a first batch much is tried out: the holes that this leaves seldom fit what is asked for later.
            heap.give_back()
            if any(parameter.is_cpu for parameter in self.module.parameters()):
                heap.keep()
            self._first = False

    def _recorded(self) -> Reader | None:
        """What a step takes; None if it takes nothing."""
        if self._batches is not None:
            self._batches.step()
        if self._whole is not None and self._tape is not None:
            whole, self._whole = self._whole, None
            whole.tell(self._tape)
        if self._tape is None or not any(call.reached for call in self._tape.calls):
            self._drop_plain_gradients()
            return None
        return self._reader

    def forget(self) -> None:
        """Drop what was recorded, as ``zero_grad`` does with gradients."""
        self._whole = None
        if self._reader is not None:
            self._reader.clear()

    def release(self) -> None:
        """Take the hooks off; the module is as it was."""
        if self._tape is not None:
            self._tape.detach()
        if self._compiled is not None:
            self._compiled.detach()
        self._tape, self._reader, self._whole, self._compiled = None, None, None, None
        self._scratch.free()
        heap.give_back()

    def _drop_plain_gradients(self) -> None:
        # Before the first batch nothing hides the parameters, so an empty batch may have left gradients of zero.
        for parameter in self.module.parameters():
            parameter.grad = None


class _Batches:
    """One batch, one step. What it says tells no number of examples, because that is private."""

    def __init__(self) -> None:
        self._number, self._size, self._recorded, self._stepped = 0, 0, 0, 0

    def begin(self, size: int) -> None:
        self._number, self._size = self._number + 1, size

    def problem(self, size: int, *, going_on: bool) -> str | None:
        """Why a pass over so many examples may not be recorded; None if it may, and then it counts as recorded."""
        if self._number == self._stepped:
            return (
                "no new batch of the private loader: a step is paid for one batch of it, and each batch for one step; "
                "evaluate with model.eval() or torch.no_grad()"
            )
        if size != self._size:
            return (
                "the module was given another number of examples than the loader's batch has; pass the whole batch, "
                "examples first; evaluate with model.eval() or torch.no_grad()"
            )
        if going_on and self._recorded != self._number:
            return (
                "gradients of an earlier batch are waiting: adding up several batches before a step is not what the "
                "plan accounts for; call optimizer.step() or optimizer.zero_grad() for each"
            )
        self._recorded = self._number
        return None

    def step(self) -> None:
        self._stepped = self._number


def size_of(batch: Any) -> int:
    """How many examples a batch has: the first axis of its first tensor."""
    if isinstance(batch, tuple) and batch and isinstance(batch[0], tuple) and len(batch[0]) == 1 and not batch[1]:
        batch = batch[0][0]  # the arguments of most modules
    if isinstance(batch, Tensor) and batch.dim():
        return len(batch)
    leaves = [leaf for leaf in tree_flatten(batch)[0] if isinstance(leaf, Tensor) and leaf.dim()]
    return len(leaves[0]) if leaves else 0
