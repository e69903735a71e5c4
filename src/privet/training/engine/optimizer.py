"""The user's optimizer: before each of its steps the gradients become clipped, noisy means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.core.protocols import NoiseSource
from privet.core.units import ClipNorm, NoiseMultiplier
from privet.training.clipping.automatic import AutomaticClipper
from privet.training.clipping.flat import FlatClipper
from privet.training.engine.gradients import Gradients, WholeGradients
from privet.training.engine.module import PrivateModule
from privet.training.engine.plain_sgd import stepped
from privet.training.engine.steps import Steps
from privet.training.engine.trained import refuse_optimizer, trained
from privet.training.noise_law import FreshNoise, IndependentNoise
from privet.training.per_example.full_precision import full_precision
from privet.training.per_example.watch import Watch
from privet.training.training_plan import TrainingPlan

Slope = Callable[[Tensor], Tensor]
Hook = Callable[["PrivateOptimizer"], None]
Placed = Callable[..., Gradients]


class PrivateOptimizer(torch.optim.Optimizer):  # type: ignore[misc]
    """Steps as the wrapped optimizer does, on noisy means of clipped gradients.

    Guarantee: the plan's, for what ``step`` leaves in the parameters. The noise of a step is drawn once, for all
    parameters in one piece; the mean is over the expected batch size, a public constant.
    Errors: InvalidParameter if a parameter is trained that the module does not have; PermitError after the plan's end.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        module: PrivateModule,
        plan: TrainingPlan,
        loss_reduction: str,
        placed: Placed = WholeGradients,
    ) -> None:
        # Not the base's own __init__: groups and state stay the wrapped optimizer's, so that schedulers move those.
        if loss_reduction not in ("mean", "sum"):
            raise InvalidParameter(f'loss_reduction is {loss_reduction!r}; give "mean" or "sum", as the loss does')
        refuse_optimizer(optimizer)
        if hasattr(optimizer, "noise_variance") and not isinstance(plan.noise, IndependentNoise):
            raise InvalidParameter(
                f"{type(optimizer).__name__} takes the variance of fresh noise out of its moments, and that of "
                "correlated noise is another in every step; use an optimizer that does not"
            )
        self.original_optimizer = optimizer
        self.plan = plan
        self._module, self._mean = module, loss_reduction == "mean"
        self._parameters = trained(optimizer, module)
        self._known = {id(parameter) for parameter in self._parameters}
        self.gradients = placed(self._parameters, answers=plan.clipping.further_answers)
        self._whole = isinstance(self.gradients, WholeGradients)
        self.clipper = plan.clipping.start()
        self.noise = plan.noise.start(self.gradients.noise_size, device=self.gradients.device)
        self._simple = self._where_simple()
        self._steps: Steps | None = None
        self._sums: dict[nn.Parameter, Tensor] = {}
        self._number: int | None = None
        self._hooks: list[Hook] = []
        self._stepped = False
        self._later: float | None = None

    def begin(self, steps: Steps) -> None:
        """Take the noise of these steps from now on."""
        self._steps = steps

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The wrapped optimizer's, so that learning-rate schedulers work."""
        groups: list[dict[str, Any]] = self.original_optimizer.param_groups
        return groups

    @property
    def state(self) -> Any:
        return self.original_optimizer.state

    @property
    def defaults(self) -> dict[str, Any]:
        found: dict[str, Any] = self.original_optimizer.defaults
        return found

    @property
    def expected_batch_size(self) -> float:
        return self.plan.expected_batch_size

    @property
    def max_grad_norm(self) -> float:
        """Clip norm of the coming step. A new one changes no price, because the noise follows it."""
        return self.clipper.clip_norm if self._later is None else self._later

    @max_grad_norm.setter
    def max_grad_norm(self, clip_norm: float) -> None:
        # Not in the middle of a batch: what was clipped and the noise on it must be of one norm.
        self._later = float(ClipNorm(clip_norm))

    @property
    def noise_multiplier(self) -> float:
        """Noise multiplier of the coming step; a new one is taken only where no account has paid for the old."""
        return self.plan.noise.multiplier(0 if self._steps is None else self._steps.done)

    @noise_multiplier.setter
    def noise_multiplier(self, noise_multiplier: float) -> None:
        if not isinstance(self.plan.noise, IndependentNoise):
            raise InvalidParameter("correlated noise belongs to the whole plan; its multiplier cannot change")
        plan = replace(self.plan, noise=IndependentNoise(float(NoiseMultiplier(noise_multiplier))))
        self._begun().change(plan)
        self.plan = plan

    def attach_step_hook(self, hook: Hook) -> None:
        """Call ``hook(self)`` after each step of the plan."""
        self._hooks.append(hook)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget gradients; kept is what earlier pieces of a batch gave, and a pass whose backward pass is to come."""
        self._module.forget()
        self.original_optimizer.zero_grad(set_to_none=set_to_none)

    def run(self, x: Tensor, slope: Slope) -> bool:
        """A whole step on a batch without autograd, where the module allows it; else False, and nothing has happened.

        ``slope`` gives the gradient of every example's own loss from the module's output.
        """
        # In half the time that no_grad takes.
        with torch.set_grad_enabled(False):
            watch = self._module.watch
            if watch.holds:
                self._module.forget()
            if not watch.run(x, slope):
                return False
            if not self._step_at_once(watch):
                self._advance(mean=False)
        # What a scheduler's wrapper of ``step`` notes.
        self._opt_called = True
        self._end()
        return True

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Clip, add noise, divide by the expected batch size, and step; an empty batch is noise alone.

        After a piece of a batch that is not its last, clip only.
        """
        loss = closure() if closure is not None else None
        self._refuse_other_passes()
        with torch.no_grad():
            complete = self._advance(mean=self._mean)
        if complete:
            self._end()
        return loss

    def _step_at_once(self, watch: Watch) -> bool:
        """What ``_advance`` does, in fewer steps, where a batch is whole and alone; else False, and nothing.

        Of small models these are most of a step.
        """
        piece = watch.piece
        if self._simple is None or self._sums or self._later is not None:
            return False
        if piece is None or not piece.last or piece.units is not None:
            return False
        steps = self._begun()
        self._refuse_late_ones()
        self._number = piece.number
        clipper, gradients = self._simple
        found = watch.factored_sum(clipper.factors)
        noise = steps.next(number=piece.number)
        stddev = self.plan.gradient_stddev(steps.done - 1, clip_norm=clipper.clip_norm)
        expected = self.plan.expected_batch_size
        gradients.renew(found.sums, noise, stddev=stddev / expected, expected=expected)
        self._tell_noise(stddev / expected)
        self._stepped = stepped(self.original_optimizer)
        return True

    def _where_simple(self) -> tuple[FlatClipper, WholeGradients] | None:
        """What a step needs where it is one clipped sum and fresh noise on it, for this process alone."""
        clipper, gradients = self.clipper, self.gradients
        if not isinstance(gradients, WholeGradients) or gradients.device.type != "cpu":
            return None
        # Further kinds of flat clipping may release more.
        if not isinstance(clipper, FlatClipper) or type(clipper) not in (FlatClipper, AutomaticClipper):
            return None
        return (clipper, gradients) if isinstance(self.noise, FreshNoise) else None

    def _advance(self, *, mean: bool) -> bool:
        """From a piece's recorded losses, or their ``mean``, to the step; whether the piece was its batch's last."""
        steps = self._begun()
        self._refuse_late_ones()
        number, complete = self._gather(mean=mean)
        if complete:
            self._put(steps.next(number=number), step=steps.done - 1)
            self._stepped = self._whole and stepped(self.original_optimizer)
        return complete

    def _end(self) -> None:
        """What may be somebody else's, and is done as they left it: with gradients on or off."""
        if not self._stepped:
            self.original_optimizer.step()
        for hook in self._hooks:
            hook(self)

    def state_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = self.original_optimizer.state_dict()
        return found

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.original_optimizer.load_state_dict(state)

    def _begun(self) -> Steps:
        if self._steps is None:
            raise InvalidParameter("the plan of this optimizer has not begun; take it from make_private")
        return self._steps

    def _refuse_late_ones(self) -> None:
        """A parameter that joined after the plan began would be trained on its plain gradient."""
        for group in self.original_optimizer.param_groups:
            for parameter in group["params"]:
                if id(parameter) not in self._known and parameter.requires_grad:
                    raise InvalidParameter(
                        "a parameter was unfrozen or added after make_private; unfreeze it before, and begin again"
                    )

    def _refuse_other_passes(self) -> None:
        """A batch that went another way would leave noise alone to step on, without a word."""
        piece = self._module.watch.piece
        if piece is not None and piece.size and self._module.passed is not piece:
            raise InvalidParameter(
                "the batch did not go through the module that make_private gave back; call that one in the loop"
            )

    def _gather(self, *, mean: bool) -> tuple[int | None, bool]:
        """Add a piece's clipped sums to those of its batch. Gives the batch's number and whether it is complete."""
        watch = self._module.watch
        piece = watch.piece
        number = None if piece is None else piece.number
        if number != self._number:
            # Pieces of a batch that was left in the middle belong to no step.
            self._sums.clear()
            self.clipper.begin()
            self._number = number
        if self._later is not None and not self._sums:
            self.clipper.clip_norm, self._later = self._later, None
        scale = watch.batch_size if mean else 1.0
        with full_precision(self.gradients.device):
            found = self.clipper.clip(watch, scale=scale, units=None if piece is None else piece.units)
        if not self._sums:
            self._sums = found.sums
        else:
            for parameter, total in found.sums.items():
                self._sums[parameter] = self._sums[parameter] + total if parameter in self._sums else total
        return number, piece is None or piece.last

    def _put(self, source: NoiseSource, *, step: int) -> None:
        """Write noisy means as the parameters' gradients; the noise of all of them is one draw."""
        stddev = self.plan.gradient_stddev(step, clip_norm=self.clipper.clip_norm)
        fresh, size = isinstance(self.noise, FreshNoise), self.gradients.noise_size
        expected, answers = self.plan.expected_batch_size, self.clipper.answers()
        drawn = stddev / expected if fresh else 1.0
        noise = self.gradients.draw(source, stddev=drawn)
        if not fresh:
            noise[:size] = self.noise.next(noise[:size]).mul_(stddev / expected)
        # Answers are in the unit of their own noise, whose deviation is then 1.
        if answers:
            noise[size:] *= self.plan.relation.sum_sensitivity_factor / drawn
        facts = (step, self._number, self.clipper.clip_norm, stddev)
        noisy = self.gradients.put(self._sums, noise, answers=answers, expected=expected, facts=facts)
        self._sums = {}
        self.clipper.after_step(noisy, expected_units=expected)
        self._tell_noise(stddev / expected)

    def _tell_noise(self, stddev: float) -> None:
        """For optimizers that take the noise's share out of their second moments."""
        if hasattr(self.original_optimizer, "noise_variance"):
            self.original_optimizer.noise_variance = stddev**2
