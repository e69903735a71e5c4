"""``ModuleValidator``: which parts of a module the engine would refuse, and the module with those parts replaced."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from privet.core.errors import InvalidParameter
from privet.training.per_example.owners import UnsupportedModule
from privet.training.per_example.rule import rule_for
from privet.training.validators.replacements import EMBEDDINGS, is_batch_norm, replaced


class ModuleValidator:
    """Says what is wrong with a module before it is trained, and repairs what can be repaired.

    What it says is what the engine would say at the first batch. Recurrent layers, attention and whatever else
    differentiates are exact as they are and are never replaced. Whether a module mixes examples in ways that have no
    name is found out at the first batch.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.LSTM(4, 4))
    >>> ModuleValidator.is_valid(net)
    False
    >>> fixed = ModuleValidator.fix(net)
    >>> fixed[1].num_groups, ModuleValidator.is_valid(fixed)
    (4, True)
    """

    @classmethod
    def validate(cls, module: nn.Module, *, strict: bool = False) -> list[UnsupportedModule]:
        """Everything that is wrong. Errors: UnsupportedModule with all of it, if ``strict``."""
        problems = list(refusals(module))
        if not module.training:
            problems.insert(
                0,
                UnsupportedModule(
                    f"the module ({type(module).__name__}) is in eval mode, in which other parts of it would be "
                    "refused than in training; call train() first"
                ),
            )
        if strict:
            refuse(problems)
        return problems

    @classmethod
    def is_valid(cls, module: nn.Module) -> bool:
        """Whether nothing is wrong."""
        return not cls.validate(module)

    @classmethod
    def fix(cls, module: nn.Module, *, num_groups: int | None = None, replace_bn_with_in: bool = False) -> nn.Module:
        """A copy in which the nearest private layers stand for those that cannot be private.

        BatchNorm becomes GroupNorm with more than one channel in each group, or InstanceNorm with
        ``replace_bn_with_in``; its scale and shift are kept, its statistics are not. One that is kept in eval mode
        while the module trains is no problem and stays. InstanceNorm loses its running statistics, embeddings lose
        ``sparse``, ``max_norm`` and ``scale_grad_by_freq``. Device, precision, mode and what is frozen stay.
        An optimizer that was made before holds the parameters of the old module: make it from the copy's.
        Errors: InvalidParameter, naming the layer that has no replacement.
        Reference: Wu & He 2018, Group Normalization.
        """
        if replace_bn_with_in and num_groups is not None:
            raise InvalidParameter("num_groups is for GroupNorm; leave it out with replace_bn_with_in")
        fixed = copy.deepcopy(module)
        made: dict[nn.Module, nn.Module] = {}
        for name, part in list(fixed.named_modules(remove_duplicate=False)):
            if fixed.training and not part.training and is_batch_norm(part):
                continue
            if part not in made:
                made[part] = _named(name, part, num_groups=num_groups, instance=replace_bn_with_in)
            if made[part] is not part:
                fixed = _put(fixed, name, made[part])
        return fixed

    @classmethod
    def fix_and_validate(cls, module: nn.Module, **options: bool | int | None) -> nn.Module:
        """``fix``, then ``validate`` strictly."""
        fixed = cls.fix(module, **options)  # type: ignore[arg-type]
        cls.validate(fixed, strict=True)
        return fixed


def refusals(module: nn.Module) -> Iterator[UnsupportedModule]:
    """What the engine would refuse by name, in the engine's words, part by part."""
    for name, part in module.named_modules():
        place = f"{name or 'the module'} ({type(part).__name__})"
        if mixes_a_batch(part):
            yield UnsupportedModule(
                f"{place} normalises over the examples of a batch, so one example changes the gradients of all; use "
                "GroupNorm, LayerNorm or InstanceNorm"
            )
        if isinstance(part, LazyModuleMixin) and part.has_uninitialized_params():
            yield UnsupportedModule(f"{place} has parameters without a shape; call the module on one batch first")
        rule = rule_for(nn.Embedding(1, 1)) if isinstance(part, EMBEDDINGS) else rule_for(part)
        reason = rule.refusal(part) if rule is not None else None
        if reason is not None:
            yield UnsupportedModule(f"{place}: {reason}")


def refuse(problems: list[UnsupportedModule]) -> None:
    """Raise all of them as one, if there are any."""
    if problems:
        raise UnsupportedModule("; ".join(map(str, problems)))


def mixes_a_batch(part: nn.Module) -> bool:
    """Whether it is a batch normalisation that reads its statistics from the batch."""
    if not isinstance(part, nn.modules.batchnorm._BatchNorm):
        return False
    return bool(part.training or part.running_mean is None)


def _named(name: str, part: nn.Module, *, num_groups: int | None, instance: bool) -> nn.Module:
    try:
        return replaced(part, num_groups=num_groups, instance=instance)
    except InvalidParameter as error:
        raise InvalidParameter(f"{name or 'the module'}: {error}") from None


def _put(module: nn.Module, name: str, part: nn.Module) -> nn.Module:
    if not name:
        return part
    module.set_submodule(name, part)
    return module
