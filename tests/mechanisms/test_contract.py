"""Every file of the mechanisms' folder keeps the contract; a new file is found by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from privet.core import plugins

from .contract import MechanismContract

FAMILY = "privet.mechanisms"


@pytest.fixture(params=plugins.names(FAMILY))
def mechanism(request: pytest.FixtureRequest) -> Any:
    return plugins.attribute(FAMILY, request.param, "example")()


class TestEveryMechanism(MechanismContract):
    pass


@pytest.mark.parametrize("name", plugins.names(FAMILY))
def test_every_mechanism_names_its_class_and_has_a_proof(name: str) -> None:
    made = plugins.attribute(FAMILY, name, "example")()
    assert isinstance(made, plugins.attribute(FAMILY, name, "MECHANISM"))
    proof = Path(__file__).parents[2] / "docs" / "proofs" / f"{name}.md"
    assert proof.is_file(), f"write the proof page {proof.name}"
    text = proof.read_text(encoding="utf-8")
    assert "Claim" in text
    assert "Proof" in text


def test_the_folder_has_the_mechanisms_that_the_library_promises() -> None:
    assert {"discrete_gaussian", "discrete_laplace", "gaussian", "randomized_response"} <= set(plugins.names(FAMILY))
