"""Starts ``privet`` commands in children that somebody else kills: forks, so that no child waits for its imports.

A line in: a folder and commands as JSON; the child runs them round and round, writing down each that is done. A line
out: the child's number. An empty line in: wait until that child is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys

import pandas  # noqa: F401 - imported once, before the children
import pyarrow.csv
import pyarrow.parquet  # noqa: F401

import privet.deidentify.operators.microaggregate
import privet.deidentify.operators.pseudonymise
import privet.deidentify.stream
import privet.ledger.gate
import privet.ledger.stores.sql
import privet.study.work
import privet.vault.files
import privet.vault.key_files
import privet.vault.key_ring
import privet.vault.passphrase
from privet.cli import main
from tests.vault.streams import quick


def run_for_ever(folder: str, commands: list[list[str]]) -> None:
    """Number each round, so that a command may write files of its own."""
    os.chdir(folder)
    number = 0
    while True:
        for command in commands:
            arguments = [word.replace("{number}", f"{os.getpid()}-{number}") for word in command]
            main.app(arguments, standalone_mode=False)
            with open("done", "a", encoding="utf-8") as done:
                done.write(f"{command[0]} {command[1]}\n")
        number += 1


def child(order: dict[str, object]) -> None:
    try:
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            run_for_ever(**order)  # type: ignore[arg-type]
    except BaseException as error:
        with open(os.path.join(str(order["folder"]), "failed"), "a", encoding="utf-8") as failed:
            failed.write(f"{type(error).__name__}: {error}\n")
    os._exit(1)


def serve() -> None:
    # What a guess of the passphrase costs is not what is tested here.
    privet.vault.passphrase.Passphrase = quick  # type: ignore[assignment,misc]
    pid = 0
    for line in sys.stdin:
        if not line.strip():
            os.waitpid(pid, 0)
            pid = 0
            print("gone", flush=True)
            continue
        pid = os.fork()
        if not pid:
            child(json.loads(line))
        print(pid, flush=True)
    if pid:  # whoever gave orders is gone, and nobody else would end this one
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    serve()
