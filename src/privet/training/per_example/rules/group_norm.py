"""Group and instance normalisation over channels: one backward pass gives the input's gradient and every example's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.training.per_example.recorded import Recorded
from privet.training.per_example.rule import Grads, Rule, only, over_places, trainable, wide


@dataclass(slots=True, eq=False)
class Scaling:
    """One use of scale and shift, with the gradients of all examples once the backward pass has formed them."""

    batch: int
    weight: str = "weight"
    bias: str = "bias"
    rows: slice | None = None
    bias_rows: slice | None = None
    g: Grads | None = None
    dropped: bool = False
    told: Callable[[Any], None] | None = None

    @property
    def reached(self) -> bool:
        return self.dropped or self.g is not None

    def reach(self, g: Grads) -> None:
        self.g = g
        if self.told is not None:
            self.told(self)

    def drop(self) -> None:
        self.dropped, self.g, self.told = True, None, None


class _Pass(torch.autograd.Function):  # type: ignore[misc]
    """Shapes: (B, C, ...) to the same."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, anchor: Tensor, module: Any, use: Scaling) -> Tensor:
        count, channels = x.shape[:2]
        groups, cells = _groups(module), x[0, 0].numel() if count else 1
        x = x.contiguous()
        weight, bias = module.weight.detach(), module.bias.detach()
        out, mean, scale = torch.native_group_norm(x, weight, bias, count, channels, cells, groups, module.eps)
        ctx.module, ctx.use, ctx.cells = module, use, cells
        ctx.save_for_backward(x, mean, scale)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        x, mean, scale = ctx.saved_tensors
        (count, channels), cells = x.shape[:2], ctx.cells
        if not count:
            # Devices refuse to launch nothing.
            names = [name for name in ("weight", "bias") if trainable(ctx.module, name)]
            ctx.use.reach({name: g.new_zeros(0, channels) for name in names})
            return torch.zeros_like(x) if ctx.needs_input_grad[0] else None, None, None, None
        # As one example whose channels are those of all, so that no example's gradient is added to another's.
        below, weight, bias = torch.ops.aten.native_group_norm_backward(
            g.contiguous().view(1, -1, cells),
            x.view(1, -1, cells),
            mean.view(1, -1),
            scale.view(1, -1),
            ctx.module.weight.detach().repeat(count),
            1,
            count * channels,
            cells,
            count * _groups(ctx.module),
            [ctx.needs_input_grad[0], True, True],
        )
        found = {"weight": weight.view(count, channels), "bias": bias.view(count, channels)}
        ctx.use.reach({name: wide(grad) for name, grad in found.items() if trainable(ctx.module, name)})
        return below.view_as(x) if ctx.needs_input_grad[0] else None, None, None, None


def _groups(module: Any) -> int:
    return int(module.num_groups if isinstance(module, nn.GroupNorm) else module.num_features)


class _Normalises(Recorded):
    """Runs by the pass above while it is recorded."""

    weight: nn.Parameter

    def recorded_forward(self, uses: list[Any], input: Tensor) -> tuple[Any, int]:
        if isinstance(self, nn.InstanceNorm1d) and input.dim() == 2:
            raise InvalidParameter("an InstanceNorm1d was given one example without a batch; give it a batch")
        use = Scaling(len(input))
        uses.append(use)
        anchor = torch.zeros((), requires_grad=True, device=input.device)
        return _Pass.apply(input.to(self.weight.dtype), anchor, self, use), len(input)


class RecordedGroupNorm(_Normalises, nn.GroupNorm):  # type: ignore[misc]
    """An nn.GroupNorm while its passes are recorded."""


class RecordedInstanceNorm1d(_Normalises, nn.InstanceNorm1d):  # type: ignore[misc]
    """An nn.InstanceNorm1d while its passes are recorded."""


class RecordedInstanceNorm2d(_Normalises, nn.InstanceNorm2d):  # type: ignore[misc]
    """An nn.InstanceNorm2d while its passes are recorded."""


class RecordedInstanceNorm3d(_Normalises, nn.InstanceNorm3d):  # type: ignore[misc]
    """An nn.InstanceNorm3d while its passes are recorded."""


class GroupNorm(Rule):
    """``x`` of the methods is a list of uses whose gradients are formed already, ``g`` unused; of a compiled pass they
    are input and gradient.
    """

    recorded: ClassVar[Mapping[type[nn.Module], type]] = {
        nn.GroupNorm: RecordedGroupNorm,
        nn.InstanceNorm1d: RecordedInstanceNorm1d,
        nn.InstanceNorm2d: RecordedInstanceNorm2d,
        nn.InstanceNorm3d: RecordedInstanceNorm3d,
    }
    types = tuple(recorded)
    reads = False

    def refusal(self, module: Any) -> str | None:
        if getattr(module, "track_running_stats", False):
            return "running statistics are read from all examples; set track_running_stats=False"
        return None

    def handles(self, module: Any) -> bool:
        """Scale and shift both; one alone is left to differentiation."""
        return module.weight is not None and module.bias is not None

    def per_example(self, module: Any, x: Any, g: Any) -> Grads:
        if isinstance(x, Tensor):
            return self._of_pass(module, x, g)
        made: Grads = {}
        for use in x:
            for name, grad in use.g.items():
                made[name] = made[name] + grad if name in made else grad
        return made

    @staticmethod
    def _of_pass(module: Any, x: Tensor, g: Tensor) -> Grads:
        """Of a module that ran by its own pass. Shapes: (B, C, ...) both."""
        normal = torch.group_norm(x, _groups(module), None, None, module.eps)
        found = {"weight": normal.mul_(g), "bias": g}
        return {name: over_places(grad) for name, grad in found.items() if trainable(module, name)}

    def left_out(self, x: Any, g: Any, good: Tensor) -> tuple[Any, Any]:
        if isinstance(x, Tensor):
            return super().left_out(x, g, good)
        return [Scaling(u.batch, g={name: only(grad, good) for name, grad in u.g.items()}) for u in x], g


RULE = GroupNorm()
