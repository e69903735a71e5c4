"""A small study of one's own file, to run in a second and to break in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from privet.noise.simulation import generator

STUDY = """\
[study]
name = "small"

[data]
source = "people.csv"
unit = "row"
unit_name = "visit"
expected_units = 600
[data.schema.age]
kind = "number"
bounds = [0, 100]
[data.schema.sex]
kind = "category"
values = ["f", "m"]
[data.schema.visits]
kind = "number"
bounds = [0, 50]

[budget]
ledger = "sqlite:///book.db"
account = "people"
epsilon = 4.0
delta = 1e-5
allow_no_guarantee = true

[protect]
policy = "policy.toml"
quasi_identifiers = ["age", "sex"]
table = "safe.csv"

[train]
target = "visits"
positive_above = 5
epsilon = 1.0
steps = 10

[federated]
sites = 3
rounds = 2
local_steps = 3
epsilon = 1.0

[evaluate]
epsilon = 0.5

[audit]
epsilon = 0.5
laboratory = true
"""

POLICY = """\
others = "keep"
[columns.email]
operator = "pseudonymise"
"""


def people(count: int = 600, seed: int = 1) -> dict[str, Any]:
    chance = generator(seed)
    age = chance.integers(18, 90, count)
    return {
        "email": [f"p{i}@example.org" for i in range(count)],
        "person": [f"k{i // 2}" for i in range(count)],
        "age": age,
        "sex": chance.choice(["f", "m"], count),
        "visits": np.clip((age / 10 + chance.normal(0, 2, count)).round(), 0, 50).astype(int),
    }


def write_small(folder: Path, *, study: str = STUDY, policy: str = POLICY, table: dict[str, Any] | None = None) -> Path:
    """The study's folder; the path of its file. The person column is dropped unless the study speaks of it."""
    import pandas

    frame = pandas.DataFrame(people() if table is None else table)
    if '"person"' not in study and "person" in frame:
        frame = frame.drop(columns="person")
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "people.csv", index=False)
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    (folder / "study.toml").write_text(study, encoding="utf-8")
    return folder / "study.toml"


def without(section: str, text: str = STUDY) -> str:
    """The study without one of its sections."""
    parts = text.split("\n\n")
    kept = [part for part in parts if not part.startswith(f"[{section}]")]
    assert len(kept) < len(parts), section
    return "\n\n".join(kept)
