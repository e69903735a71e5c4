"""Per-layer clipping: a norm of its own for every parameter tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.core.units import ClipNorm
from privet.training.clipping.units import by_unit, finite, unit_norms
from privet.training.per_example.clipping import ClippedSum, clip_factors
from privet.training.per_example.rule import row_squares, weighted_sum
from privet.training.per_example.watch import Watch


@dataclass(frozen=True, slots=True)
class PerLayerClipping:
    """Scale each unit's gradient of each parameter tensor down to a norm of its own.

    Guarantee: one unit changes the sum over all parameters by at most the root of the sum of the squared norms.
    ``clip_norms`` is one number for all parameters together, shared out evenly (each gets it over the root of their
    number), or a norm for each trained parameter in the module's order.
    Units: that of the gradient.
    Errors: InvalidParameter. Reference: McMahan, Ramage, Talwar & Zhang 2018, section 3.

    >>> PerLayerClipping((3.0, 4.0)).clip_norm
    5.0
    """

    clip_norms: float | tuple[float, ...]

    def __post_init__(self) -> None:
        given = self.clip_norms
        checked = ClipNorm(given) if isinstance(given, (int, float)) else tuple(ClipNorm(norm) for norm in given)
        if checked == ():
            raise InvalidParameter("clip_norms is empty; give one number, or one for each trained parameter")
        object.__setattr__(self, "clip_norms", checked)

    @property
    def clip_norm(self) -> float:
        given = self.clip_norms
        return math.hypot(*given) if isinstance(given, tuple) else float(given)

    @property
    def further_answers(self) -> int:
        return 0

    def gradient_noise(self, noise_multiplier: float) -> float:
        return noise_multiplier

    def start(self) -> PerLayerClipper:
        return PerLayerClipper(self)


class PerLayerClipper:
    """Per-layer clipping at work; a changed ``clip_norm`` moves all norms in proportion."""

    def __init__(self, rule: PerLayerClipping) -> None:
        self._rule = rule
        self.clip_norm = rule.clip_norm

    def clip(self, watch: Watch, *, scale: float, units: Tensor | None) -> ClippedSum:
        grads = by_unit(watch.gradients(), units, scale=scale)
        norms = unit_norms(grads)
        order = [parameter for parameter in watch.module.parameters() if parameter.requires_grad]
        limits = self._limits(order)
        sums = {}
        for parameter, grad in grads.items():
            own = row_squares(grad).sqrt()
            # A unit with one layer that is no number is left out whole.
            own = own.where(norms.isfinite(), norms)
            factors = clip_factors(own, clip_norm=limits[parameter])
            sums[parameter] = weighted_sum(finite(grad, factors > 0), factors)
        return ClippedSum(sums, norms)

    def _limits(self, parameters: list[nn.Parameter]) -> dict[nn.Parameter, float]:
        given = self._rule.clip_norms
        if not isinstance(given, tuple):
            return dict.fromkeys(parameters, self.clip_norm / math.sqrt(len(parameters)))
        if len(given) != len(parameters):
            raise InvalidParameter(
                f"clip_norms has {len(given)} norms for {len(parameters)} trained parameters; give one for each"
            )
        ratio = self.clip_norm / self._rule.clip_norm
        return {parameter: norm * ratio for parameter, norm in zip(parameters, given, strict=True)}

    def begin(self) -> None:
        """Fixed norms remember nothing."""

    def answers(self) -> list[float]:
        return []

    def after_step(self, noisy: Tensor, *, expected_units: float) -> None:
        """Fixed norms learn nothing."""

    def state_dict(self) -> dict[str, Any]:
        return {"clip_norm": self.clip_norm}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.clip_norm = float(state["clip_norm"])
