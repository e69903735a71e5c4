"""How far one unit may move a step: flat, per layer, automatic, or by an adaptive quantile."""

from __future__ import annotations

from privet.training.clipping.adaptive import AdaptiveClipping
from privet.training.clipping.automatic import AutomaticClipping
from privet.training.clipping.flat import FlatClipping
from privet.training.clipping.per_layer import PerLayerClipping
from privet.training.clipping.rule import Clipper, Clipping

__all__ = ["AdaptiveClipping", "AutomaticClipping", "Clipper", "Clipping", "FlatClipping", "PerLayerClipping"]
