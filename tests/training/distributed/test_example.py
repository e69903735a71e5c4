"""The program of the page runs under torchrun as it stands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from privet.ledger import Ledger

ROOT = Path(__file__).parents[3]


def test_the_program_of_the_page_runs_on_two_processes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```py\n(# train\.py.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "train.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "train.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    started = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, complained = started.communicate(timeout=100)
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
    assert started.returncode == 0, f"{complained[:3000]}\n...\n{complained[-3000:]}"
    assert said.count("epsilon") == 1
    with Ledger.open(f"sqlite:///{tmp_path}/train.db") as ledger:
        (claim,) = ledger.account("ward").history()
    assert (claim.steps, str(claim.state)) == (40, "committed")
