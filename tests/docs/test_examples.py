"""Every example of the README and the pages is run: python in one go for each page, commands as they stand."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from privet.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytest.importorskip("pandas")

# Packages that a page needs beyond what every machine with the tests has.
EXTRAS = {"transformers": "hf", "peft": "hf", "lightning": "lightning", "pyarrow": "vault", "ibis": "ibis"}


def blocks(page: Path) -> list[tuple[str, str]]:
    return FENCE.findall(page.read_text(encoding="utf-8"))


def command(line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
    with pytest.raises(SystemExit) as caught:
        main.run()
    return int(caught.value.code or 0)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_examples_run_as_they_stand(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for package, extra in EXTRAS.items():
        if re.search(rf"^(from|import) {package}\b", page.read_text(encoding="utf-8"), re.MULTILINE):
            pytest.importorskip(package, reason=f'{package} is not installed; pip install "privet[{extra}]"')
    names: dict[str, object] = {"__name__": "example"}
    for kind, text in blocks(page):
        if kind == "python":
            exec(compile(text, str(page), "exec"), names)  # noqa: S102 - our own pages
        elif kind == "toml":
            (tmp_path / "study.toml").write_text(text, encoding="utf-8")
        elif kind == "console":
            for line in text.splitlines():
                assert command(line, monkeypatch) == 0, f"{line}\n{capsys.readouterr().err}"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_there_are_examples() -> None:
    assert sum(kind == "python" for page in PAGES for kind, _ in blocks(page)) >= 10
