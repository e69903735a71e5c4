"""The nearest private replacement of a layer that cannot be private."""

from __future__ import annotations

from typing import Any

from torch import nn

from privet.core.errors import InvalidParameter

# The most that Wu & He 2018, Group Normalization, found of use.
_MOST_GROUPS = 32
# A group of one value is always normalised to zero, and one of two to plus and minus one. Images have many positions
# in a group; inputs of one position have its channels alone, of which that paper takes 16.
_CHANNELS_PER_GROUP = {nn.BatchNorm1d: 16, nn.BatchNorm2d: 2, nn.BatchNorm3d: 2, nn.SyncBatchNorm: 16}
_INSTANCE_NORMS = {
    nn.BatchNorm1d: nn.InstanceNorm1d,
    nn.BatchNorm2d: nn.InstanceNorm2d,
    nn.BatchNorm3d: nn.InstanceNorm3d,
}
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


def is_batch_norm(part: nn.Module) -> bool:
    """Of exactly a known class: a subclass may compute something else, which a replacement would lose."""
    return type(part) in _CHANNELS_PER_GROUP


def replaced(part: nn.Module, *, num_groups: int | None = None, instance: bool = False) -> nn.Module:
    """The layer itself where nothing is wrong with it; parameters are never copied, so that ties hold.

    Shapes: those of the layer. Errors: InvalidParameter.

    >>> replaced(nn.BatchNorm2d(48)).num_groups, replaced(nn.BatchNorm1d(48)).num_groups
    (24, 3)
    """
    if is_batch_norm(part):
        return _instance_norm(part) if instance else _group_norm(part, num_groups)
    if type(part) in _INSTANCE_NORMS.values() and part.track_running_stats:
        return _with_weights_of(part, type(part)(part.num_features, eps=part.eps, momentum=part.momentum))
    if isinstance(part, EMBEDDINGS):
        part.sparse, part.max_norm, part.scale_grad_by_freq = False, None, False
    return part


def _group_norm(part: Any, wanted: int | None) -> nn.Module:
    channels, least = part.num_features, _CHANNELS_PER_GROUP[type(part)]
    most = min(_MOST_GROUPS, max(1, channels // least))
    groups = wanted or max(number for number in range(1, most + 1) if channels % number == 0)
    if groups < 1 or channels % groups:
        raise InvalidParameter(f"num_groups is {groups}; give a divisor of {channels}, the channels of {part}")
    if isinstance(part, nn.BatchNorm1d) and groups == channels:
        raise InvalidParameter(
            f"{part} would get groups of a single channel, and normalising one value leaves nothing of it; "
            + ("take it out" if channels == 1 else "give fewer num_groups")
        )
    return _with_weights_of(part, nn.GroupNorm(groups, channels, eps=part.eps, affine=False))


def _instance_norm(part: Any) -> nn.Module:
    if type(part) not in _INSTANCE_NORMS:
        raise InvalidParameter(
            "SyncBatchNorm does not say how many axes its input has, so no InstanceNorm can be chosen; leave "
            "replace_bn_with_in out"
        )
    return _with_weights_of(part, _INSTANCE_NORMS[type(part)](part.num_features, eps=part.eps))


def _with_weights_of(part: Any, made: Any) -> nn.Module:
    """Scale and shift have the same meaning in every normalisation; statistics of a batch have none here."""
    made.affine, made.weight, made.bias = part.affine, part.weight, part.bias
    made.train(part.training)
    normalising: nn.Module = made
    return normalising
