"""Opacus' own tutorials run when their imports are changed, and are tutorials of Opacus indeed."""

from __future__ import annotations

import warnings

import pytest

pytest.importorskip("torch")

from . import programs


def require(program: str) -> None:
    for package in programs.needs(program) & {"transformers", "peft"}:
        pytest.importorskip(package, reason=f'{package} is not installed; pip install "privet[hf]"')


# As in Opacus' own example, a loop asks for the number of a loss that has a gradient.
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True")
@pytest.mark.parametrize("name", programs.NAMES)
def test_a_program_of_opacus_runs_with_its_imports_changed(name: str, tmp_path, monkeypatch) -> None:
    program = programs.text(name)
    require(program)
    monkeypatch.chdir(tmp_path)
    made = programs.run(programs.moved(program), tmp_path)
    assert type(made["privacy_engine"]).__module__.startswith("privet.")
    assert made["accuracy"] > 0.7
    assert 0 < made["epsilon"] < 60


@pytest.mark.parametrize("name", programs.NAMES)
def test_imports_are_all_that_changes(name: str) -> None:
    changed = programs.changed_lines(programs.text(name))
    assert changed
    assert all(line.startswith("from opacus") for line in changed)
    assert "opacus" not in "".join(line for line in programs.moved(programs.text(name)).split("\n")[1:])


@pytest.mark.parametrize("name", programs.NAMES)
def test_it_is_a_program_of_opacus(name: str, tmp_path, monkeypatch) -> None:
    pytest.importorskip("opacus", reason="opacus is not installed here; benchmarks/peers.txt names its version")
    program = programs.text(name)
    require(program)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = programs.run(program, tmp_path)
    assert type(made["privacy_engine"]).__module__.startswith("opacus.")
    assert made["accuracy"] > 0.7
