"""Streets in Spanish clinical cases (MEDDOCAN), which others wrote down and labelled: how many are found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from privet.deidentify.detect import find_in_text

# The rules for streets were written with the first cases at hand.
SEEN = 400


def cases(data: Path) -> Iterator[dict[str, Any]]:
    """The cases that the rules were not written with."""
    lines = gzip.decompress((data / "pii_meddocan_es" / "meddocan.jsonl.gz").read_bytes()).decode().splitlines()
    return (json.loads(line) for line in lines[SEEN:])


def streets(data: Path) -> dict[str, float]:
    """A street counts as found where half of it is; a finding is wrong where it touches nothing that is labelled.

    Findings go on to the town, which has a label of its own.
    """
    wanted = hits = findings = right = 0
    for case in cases(data):
        found = [(f.start, f.end) for f in find_in_text(case["text"]) if f.kind == "street_address"]
        for span in case["spans"]:
            if span["label"] == "CALLE":
                half = (span["end"] - span["start"]) / 2
                wanted += 1
                hits += any(min(span["end"], end) - max(span["start"], start) >= half for start, end in found)
        findings += len(found)
        right += sum(any(s["start"] < end and start < s["end"] for s in case["spans"]) for start, end in found)
    return {"spans": wanted, "precision": right / max(1, findings), "recall": hits / max(1, wanted)}
