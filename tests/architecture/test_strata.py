"""The strata hold, and each contract refuses a violation planted on purpose."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# contract -> (file to plant, its text, how the violation is reported)
PLANTS = {
    "strata: imports point down only, siblings do not know each other": [
        ("core/planted_upward.py", "import privet.ledger.amounts\n", "privet.core.planted_upward"),
        ("deidentify/planted_sibling.py", "import privet.training\n", "privet.deidentify.planted_sibling"),
        ("vault/planted_upward.py", "import privet.ledger.amounts\n", "privet.vault.planted_upward"),
        ("ledger/planted_study.py", "import privet.study.spec\n", "privet.ledger.planted_study"),
        ("planted_stratum/__init__.py", "", "planted_stratum"),
    ],
    "the mint: only the gate makes permits and releases": [
        ("statistics/planted_mint.py", "from privet.core import _mint\n", "privet.statistics.planted_mint"),
    ],
    "noise that protects is made only at the gate": [
        (
            "mechanisms/planted_noise.py",
            "from privet.noise.secure import SecureNoise\n",
            "privet.mechanisms.planted_noise",
        ),
    ],
    "simulated chance cannot be reached from a mechanism": [
        ("mechanisms/planted_seed.py", "import privet.noise.simulation\n", "privet.mechanisms.planted_seed"),
        ("audit/planted_seed.py", "import privet.noise.simulation\n", "privet.audit.planted_seed"),
    ],
    "the waist knows no framework": [
        ("ledger/planted_pandas.py", "import pandas\n", "privet.ledger.planted_pandas"),
    ],
    "torch only where gradients live": [
        ("study/planted_torch.py", "import torch\n", "privet.study.planted_torch"),
    ],
    "no cycles between siblings": [
        ("core/planted_cycle_a.py", "import privet.core.planted_cycle_b\n", "planted_cycle_a"),
        ("core/planted_cycle_b.py", "import privet.core.planted_cycle_a\n", "planted_cycle_b"),
    ],
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "400", "NO_COLOR": "1"}
    # -S would lose the installed packages; a path in front of them is enough to see the copy and not the original.
    code = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"
    command = [sys.executable, "-c", code, "--no-cache", "--config", str(folder / "pyproject.toml")]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder = tmp_path_factory.mktemp("planted")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for plants in PLANTS.values():
        for name, text, _ in plants:
            path = folder / "src" / "privet" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    return lint(folder)


def test_the_strata_hold_today() -> None:
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout[-3000:]


@pytest.mark.parametrize("contract", PLANTS)
def test_a_planted_violation_of_each_contract_is_refused(
    planted: subprocess.CompletedProcess[str], contract: str
) -> None:
    assert planted.returncode != 0
    assert f"{contract} BROKEN" in planted.stdout
    for _, _, named in PLANTS[contract]:
        assert named in planted.stdout


def test_every_contract_of_the_project_has_a_planted_violation() -> None:
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == set(PLANTS)
