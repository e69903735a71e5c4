"""A process that releases as fast as it can, writing down everything that left, until it is killed."""

from __future__ import annotations

import os
import sys
from fractions import Fraction

from privet.core.errors import BudgetRefused
from privet.ledger import Ledger
from tests.ledger.stand_ins import NoisyLength


def main(url: str, path: str) -> None:
    account = Ledger.open(url).account("people")
    sealed = account.seal([1, 2, 3])
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(out, b"ready\n")
    while True:
        try:
            receipt = account.release(NoisyLength(Fraction(1, 1000)), sealed).receipt
        except BudgetRefused:
            os.write(out, b"refused\n")
            return
        os.write(out, f"{receipt.claim} {receipt.entry_hash}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
