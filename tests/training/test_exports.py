"""What a user of training imports is found in one place, and nothing heavy is loaded before it is used."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import privet.training as training

SOURCE = Path(__file__).parents[2] / "src"
# Protocols and working halves, which nobody makes by hand.
INNER = {"Clipper", "Clipping", "Sampling"}


@pytest.mark.parametrize("room", ["clipping", "sampling", "correlated", "engine", "validators"])
def test_every_choice_of_a_plan_is_exported(room: str) -> None:
    module = importlib.import_module(f"privet.training.{room}")
    missing = [name for name in module.__all__ if name not in training.__all__ and name not in INNER]
    assert not missing, f"add to privet.training: {missing}"
    for name in set(module.__all__) & set(training.__all__):
        assert getattr(training, name) is getattr(module, name)


def test_fit_is_a_function_whatever_was_imported_before() -> None:
    importlib.import_module("privet.training.fitting")
    assert callable(training.fit)


def test_what_is_not_there_is_not_there() -> None:
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        training.nothing_of_that_name  # noqa: B018


def test_the_room_of_training_loads_no_framework_by_itself() -> None:
    heavy = ["torch", "transformers", "peft", "lightning", "accelerate"]
    code = f"import sys, privet.training; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SOURCE)
    assert done.stdout.strip() == "[]"
