"""What happened in a study: append-only, written before anything depends on it, and enough to go on after a crash."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privet.core.errors import SpecError
from privet.ledger.book import now
from privet.study.spec import StudyFile


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One finished step: its result (released or public values only), its receipts, and how long it took."""

    step: str
    status: str
    seconds: float
    result: dict[str, Any]
    receipts: list[dict[str, Any]]
    at: str


class Record:
    """The record of one study in its run folder.

    A step is finished when its line is on the disk. A line that a crash cut short is dropped when the record is
    opened again; its step is run, and paid, anew.
    Errors: SpecError if the study file changed since the record was begun, or another process is running the study.
    """

    def __init__(self, folder: Path, *, digest: str, study: str) -> None:
        self.folder = folder
        self.study = study
        self._path = folder / "record.jsonl"
        self._lock_path = folder / "lock"
        self._digest = digest
        self._finished: dict[str, StepRecord] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator[Record]:
        """Take the run folder for this process, and read what is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with _exclusive(self._lock_path, self.study):
            if not self._read():
                self._append({"kind": "begun", "study": self.study, "digest": self._digest, "at": now()})
            yield self

    def finished(self, step: str) -> StepRecord | None:
        return self._finished.get(step)

    def finish(
        self, step: str, *, seconds: float, result: dict[str, Any], receipts: list[dict[str, Any]], status: str = "done"
    ) -> StepRecord:
        """Write durably that a step is finished."""
        made = StepRecord(step, status, round(seconds, 3), result, receipts, now())
        self._append({"kind": "step", **dataclasses.asdict(made)})
        self._finished[step] = made
        return made

    def steps(self) -> list[StepRecord]:
        return list(self._finished.values())

    def _append(self, body: dict[str, Any]) -> None:
        line = json.dumps(body, ensure_ascii=False, allow_nan=False) + "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> bool:
        """Read the record; False if it has not been begun, or a crash cut its very first line short."""
        raw = self._path.read_bytes() if self._path.exists() else b""
        whole = _whole_lines(raw)
        if len(whole) < len(raw):
            os.truncate(self._path, len(whole))
        lines = _lines_of(whole, self.folder, self._digest)
        for body in lines[1:]:
            fields = {item.name: body[item.name] for item in dataclasses.fields(StepRecord)}
            self._finished[body["step"]] = StepRecord(**fields)
        return bool(lines)


def run_folder(file: StudyFile) -> Path:
    """Where a study keeps the record of its run: beside its file."""
    return file.folder / f"{file.spec.study.name}.run"


def finished_steps(folder: Path, *, digest: str) -> frozenset[str]:
    """Names of the steps that a study's record has as finished. Takes no lock and writes nothing.

    Errors: SpecError if the study file changed since the record was begun.
    """
    try:
        raw = (folder / "record.jsonl").read_bytes()
    except FileNotFoundError:
        return frozenset()
    return frozenset(body["step"] for body in _lines_of(_whole_lines(raw), folder, digest)[1:])


def _lines_of(whole: bytes, folder: Path, digest: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in whole.splitlines()]
    if lines and lines[0].get("digest") != digest:
        raise SpecError(
            f"the study file has changed since the run in {folder} was begun; rename the study "
            "([study] name) or remove that folder (what was spent stays spent)"
        )
    return lines


def _whole_lines(raw: bytes) -> bytes:
    """A record without the line that a crash cut short."""
    return raw[: raw.rfind(b"\n") + 1]


@contextlib.contextmanager
def _exclusive(path: Path, study: str) -> Iterator[None]:
    import fcntl

    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SpecError(f"study {study!r} is being run by another process; wait for it or stop it") from None
        yield
