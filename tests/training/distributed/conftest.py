"""Two processes that stay for all tests of the folder, because starting them costs more than what they do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
PATIENCE = 120.0


class Ranks:
    """Two processes on loopback; a job runs on both."""

    def __init__(self, meeting: Path) -> None:
        self._meeting, self._started = meeting, 0
        self._processes: list[subprocess.Popen[bytes]] = []
        self._channels: list[Any] = []

    def run(self, job: str, **given: Any) -> list[Any]:
        """What the job gives on each rank."""
        if not self._processes:
            self._start()
        for channel in self._channels:
            channel.send((job, given))
        answers = [self._answer(channel) for channel in self._channels]
        failed = [text for good, text in answers if not good]
        if failed:
            self.stop()
            pytest.fail("\n".join(failed))
        return [value for _, value in answers]

    def run_until_one_dies(self, job: str, **given: Any) -> Any:
        """What the job gives on the first rank, of two that do not both live on."""
        if not self._processes:
            self._start()
        for channel in self._channels:
            channel.send((job, given))
        good, value = self._answer(self._channels[0])
        self.stop()
        return value if good else pytest.fail(value)

    def _answer(self, channel: Any) -> tuple[bool, Any]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if channel.poll(0.2):
                try:
                    return channel.recv()
                except EOFError:
                    return False, "a rank died"
        return False, f"no answer in {PATIENCE:.0f} s"

    def _start(self) -> None:
        self._started += 1
        meeting = self._meeting / f"meeting{self._started}"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
        for rank in range(2):
            own, theirs = Pipe()
            command = [sys.executable, str(FOLDER / "worker.py"), str(rank), "2", str(meeting)]
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(FOLDER)], pass_fds=[theirs.fileno()], env=environment, cwd=ROOT
            )
            theirs.close()
            self._processes.append(process)
            self._channels.append(own)

    def stop(self) -> None:
        for channel in self._channels:
            try:
                channel.send(None)
            except OSError:
                pass
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes, self._channels = [], []


@pytest.fixture(scope="session")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ranks]:
    made = Ranks(tmp_path_factory.mktemp("ranks"))
    yield made
    made.stop()
