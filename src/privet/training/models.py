"""What training releases: a model as plain numbers, that can be saved, compared and used anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from privet.training.linear import probabilities

Floats = NDArray[np.float64]


class Classifier(Protocol):
    """A released model that answers yes or no of encoded rows."""

    def positive_probability(self, rows: Floats) -> Floats:
        """P(label = 1) of each encoded row. Shapes: (n, d) to (n,)."""
        ...

    def predict(self, rows: Floats) -> NDArray[np.int64]:
        """The likelier label of each row. Shapes: (n, d) to (n,)."""
        ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """Logistic weights over encoded rows; ``names`` says which weight belongs to which column."""

    weights: tuple[float, ...]
    names: tuple[str, ...]

    def positive_probability(self, rows: Floats) -> Floats:
        """P(label = 1) of each encoded row. Shapes: (n, d) to (n,)."""
        return probabilities(np.asarray(self.weights), features=rows)

    def predict(self, rows: Floats) -> NDArray[np.int64]:
        return np.asarray(self.positive_probability(rows) > 0.5, dtype=np.int64)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "logistic", "weights": list(self.weights), "names": list(self.names)}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> LogisticModel:
        return cls(tuple(body["weights"]), tuple(body["names"]))


@dataclass(frozen=True, slots=True)
class Layer:
    """A linear map with its bias. Shapes: ``weight`` of rows for each output, ``bias`` (outputs,)."""

    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    @classmethod
    def of(cls, weight: Floats, bias: Floats) -> Layer:
        return cls(tuple(map(tuple, weight.tolist())), tuple(bias.tolist()))

    def apply(self, rows: Floats) -> Floats:
        applied: Floats = rows @ np.asarray(self.weight).T + np.asarray(self.bias)
        return applied


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """Linear layers with tanh between them over encoded rows times ``scale``; one output, the log-odds of a yes.

    >>> model = NetworkModel((Layer(((1.0, 0.0),), (0.0,)), Layer(((2.0,),), (0.0,))), ("a", "intercept"), 1.0)
    >>> model.predict(np.asarray([[0.5, 1.0], [-0.5, 1.0]])).tolist()
    [1, 0]
    """

    layers: tuple[Layer, ...]
    names: tuple[str, ...]
    scale: float

    def positive_probability(self, rows: Floats) -> Floats:
        """P(label = 1) of each encoded row. Shapes: (n, d) to (n,)."""
        seen: Floats = rows * self.scale
        for layer in self.layers[:-1]:
            seen = np.tanh(layer.apply(seen))
        return probabilities(np.ones(1), features=self.layers[-1].apply(seen))

    def predict(self, rows: Floats) -> NDArray[np.int64]:
        return np.asarray(self.positive_probability(rows) > 0.5, dtype=np.int64)

    def to_json(self) -> dict[str, Any]:
        layers = [{"weight": layer.weight, "bias": layer.bias} for layer in self.layers]
        return {"kind": "network", "layers": layers, "names": list(self.names), "scale": self.scale}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> NetworkModel:
        layers = [Layer(tuple(map(tuple, layer["weight"])), tuple(layer["bias"])) for layer in body["layers"]]
        return cls(tuple(layers), tuple(body["names"]), float(body["scale"]))


def model_from_json(body: dict[str, Any]) -> LogisticModel | NetworkModel:
    """A released model of either kind.

    >>> model_from_json(LogisticModel((1.0,), ("intercept",)).to_json()).names
    ('intercept',)
    """
    return NetworkModel.from_json(body) if body["kind"] == "network" else LogisticModel.from_json(body)
