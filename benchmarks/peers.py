"""Peers live in an environment of their own; each is timed in turn with ours, in one run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from types import TracebackType
from typing import Self

_SERVE = """
import json, sys, time
works = {}
exec(sys.stdin.readline().encode().decode("unicode_escape"))
print(json.dumps(sorted(works)), flush=True)
for line in sys.stdin:
    name, _, times = line.strip().rpartition("#")
    clock = time.process_time if times else time.perf_counter
    begun = clock()
    for _ in range(int(times or 1)):
        works[name]()
    print((clock() - begun) / int(times or 1), flush=True)
"""


class Peer:
    """A second Python that runs named works when told and says how many seconds each took.

    ``script`` fills a dictionary ``works`` of functions without arguments; what fails to import is left out by it.
    """

    def __init__(self, python: str | None, script: str) -> None:
        self.works: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        if python is None:
            return
        self._process = subprocess.Popen(
            [python, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._say(script.encode("unicode_escape").decode())
        self.works = json.loads(self._hear())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)

    def seconds(self, work: str, times: int | None = None) -> float:
        """Wall seconds of one run; with ``times``, CPU seconds of one of so many."""
        self._say(f"{work}#{times or ''}")
        return float(self._hear())

    def timed(self) -> dict[str, Callable[[], float]]:
        return {name: (lambda n=name: self.seconds(n)) for name in self.works}

    def _say(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the peers' environment stopped; run its script by hand to see why")
        return line
