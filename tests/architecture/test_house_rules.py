"""Rules of the house that a scan can hold: sizes, names, exports, chance, defaults."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "privet").rglob("*.py"))
IDS = [str(path.relative_to(ROOT / "src")) for path in SOURCES]
PRIVACY_PARAMETERS = {"epsilon", "delta", "rho", "noise_multiplier", "noise_stddev", "clip_norm", "sampling_rate"}


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_no_file_grows_beyond_four_hundred_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_no_drawer_for_everything() -> None:
    forbidden = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc"}
    assert not [path for path in SOURCES if path.stem in forbidden or forbidden & set(path.parts)]


def _functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_privacy_parameters_have_no_defaults(path: Path) -> None:
    for function in _functions(path):
        if function.name.startswith("_") and function.name != "__init__":
            continue
        arguments = [*function.args.posonlyargs, *function.args.args]
        defaulted = arguments[len(arguments) - len(function.args.defaults) :]
        pairs = list(zip(defaulted, function.args.defaults, strict=True))
        pairs += [
            (a, d) for a, d in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if d is not None
        ]
        # None is no value: it means "the account decides" or "not given", and is documented where it is used.
        named = [a.arg for a, d in pairs if not (isinstance(d, ast.Constant) and d.value is None)]
        assert not PRIVACY_PARAMETERS & set(named), f"{function.name} gives a privacy parameter a default"


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_statistical_generators_are_only_where_nothing_is_protected(path: Path) -> None:
    allowed = {"simulation.py", "demo_data.py"}
    pattern = r"np\.random|numpy\.random|torch\.randn|torch\.normal|\bimport random\b|\.normal_\("
    if path.name not in allowed:
        assert not re.search(pattern, path.read_text())


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_nothing_is_validated_by_assert(path: Path) -> None:
    assert not [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name == "__init__.py"], ids=lambda p: p.parent.name)
def test_exports_are_sorted_and_real(path: Path) -> None:
    name = ".".join(path.parent.relative_to(ROOT / "src").parts)
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert list(exported) == sorted(exported)
    for item in exported:
        assert getattr(module, item) is not None


def test_importing_privet_loads_nothing_heavy() -> None:
    heavy = [
        "numpy",
        "scipy",
        "sklearn",
        "sqlalchemy",
        "pydantic",
        "torch",
        "pandas",
        "dp_accounting",
        "rich",
        "jinja2",
    ]
    code = f"import sys, privet; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "src")
    assert done.stdout.strip() == "[]"


def test_the_help_of_the_command_line_loads_nothing_heavy() -> None:
    heavy = ["scipy", "sklearn", "sqlalchemy", "pydantic", "torch", "pandas", "dp_accounting", "jinja2"]
    code = f"import sys, privet.cli.main; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "src")
    assert done.stdout.strip() == "[]"
