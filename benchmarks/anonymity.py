"""k, l and t, exact search and Mondrian on Adult beside pyCANON and anonypy: CPU seconds of one core.

    make bench-deidentify
    python benchmarks/anonymity.py [--peer-python PATH] [--slow-peers] [--arx JAR]

pyCANON pins its own numpy and pandas: its Python is that of an environment with benchmarks/anonymity_peers.txt. Its l
and t take a quarter of a minute and anonypy half a minute on 32,561 rows, so these run once, and only with
--slow-peers. ARX is a Java program that no registry of packages has: with its jar it searches in turn with ours. Goals
are shown beside what they are set for; those of counting include coding.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from adult import DATA, HIERARCHIES, NAMES, QUASI, adult
from arx import Arx
from measuring import keep, show
from peers import Peer
from privet.deidentify.classes import classes_of
from privet.deidentify.codes import encode
from privet.deidentify.combinations import opened
from privet.deidentify.discovery import discover
from privet.deidentify.models.distinct_l_diversity import DistinctLDiversity, distinct_l
from privet.deidentify.models.t_closeness import TCloseness, equal_distance
from privet.deidentify.search.accuracy import accuracy_in
from privet.deidentify.search.full_domain import best_full_domain
from privet.deidentify.search.mondrian import mondrian
from privet.noise.simulation import generator

# CPU seconds that are to be kept to, by what is measured.
GOALS = {
    "k, l and t, 32,561 rows": 0.005, "code and k, l and t, 1,000,000 rows": 0.4,
    "code and k, l and t, 10,000,000 rows": 4.0, "best of 12,960 nodes, k = 5, 5% suppression": 0.3,
    "Mondrian, 9 columns, 1,000,000 rows": 5.0,
}  # fmt: skip
# Levels of ARX's optimum (k = 5, loss) in the order of NAMES.
OPTIMA = {0.0: (0, 4, 1, 1, 3, 2, 2, 1, 0), 0.05: (0, 3, 0, 0, 2, 1, 1, 2, 0), 1.0: (0, 3, 0, 0, 2, 1, 1, 1, 0)}

_PEERS = """
import warnings; warnings.filterwarnings("ignore")
import pandas
table = pandas.read_parquet({path!r})
table = table[table["split"] == "train"].drop(columns="split").reset_index(drop=True).fillna("?")
quasi = {quasi!r}
try:
    import pycanon.anonymity as canon
    works["k, pyCANON"] = lambda: canon.k_anonymity(table, quasi)
    if {slow!r}:
        works["l, pyCANON"] = lambda: canon.l_diversity(table, quasi, ["income"])
        works["t, pyCANON"] = lambda: canon.t_closeness(table, quasi, ["income"])
except ImportError: pass
try:
    import anonypy
    small = table[["age", "education_num", "hours_per_week", "sex", "income"]].copy()
    small[["sex", "income"]] = small[["sex", "income"]].astype("category")
    if {slow!r}:
        maker = anonypy.Preserver(small, list(small.columns[:4]), "income")
        works["Mondrian, 4 columns, anonypy"] = lambda: maker.anonymize_k_anonymity(k=5)
except ImportError: pass
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer-python", help="Python of an environment with pyCANON and anonypy")
    parser.add_argument("--slow-peers", action="store_true", help="also what takes the peers a minute")
    parser.add_argument("--arx", type=Path, metavar="JAR", help="jar of ARX 3.6 or later with its dependencies")
    options = parser.parse_args()
    path = DATA / "adult" / "adult.parquet"
    if not path.is_file():
        print(f"not measured: there is no {path.name}; say with PRIVET_DATA where the data sets are")
        return
    seconds = {**counting(), **searching(), **(beside_arx(options.arx) if options.arx else {})}
    if options.arx is None:
        print("not measured: ARX; say with --arx where its jar is")
    script = _PEERS.format(path=str(path.resolve()), quasi=list(QUASI), slow=options.slow_peers)
    with Peer(options.peer_python, script) as peer:
        seconds |= {name: peer.seconds(name, 1) for name in peer.works}
    rows = [[name, found, GOALS.get(name, "")] for name, found in seconds.items()]
    show("Anonymity and search on Adult, CPU seconds", columns=["what", "seconds", "goal"], rows=rows)
    keep("anonymity", {"cpu_seconds": seconds}, packages=["numpy", "pandas", "pycanon", "anonypy"])


def counting() -> dict[str, float]:
    """k, l and t at three sizes; rows are drawn again, and a column of 2,000 values makes most of them unique."""
    table, found = adult(), {}
    for rows, rounds in ((len(table), 20), (1_000_000, 5), (10_000_000, 3)):
        grown = table if rows == len(table) else _grown(table, rows)
        columns = [*QUASI, *(["zip"] if "zip" in grown else [])]
        found[f"code {rows:,} rows"] = cpu(lambda g=grown, c=columns: encode(g, columns=[*c, "income"]), rounds=3)
        coded = encode(grown, columns=[*columns, "income"])
        counted = found[f"k, l and t, {rows:,} rows"] = cpu(lambda c=coded, q=columns: _klt(c, q), rounds=rounds)
        found[f"code and k, l and t, {rows:,} rows"] = found[f"code {rows:,} rows"] + counted
        if rows == 1_000_000:
            found |= _by_database(grown, columns)
    coded = encode(table.drop(columns="fnlwgt"))
    found["worst of all combinations of up to 4 of 14 columns"] = cpu(lambda: discover(coded), rounds=3)
    return found


def searching() -> dict[str, float]:
    """The best generalisation in three settings, whose optimum must be ARX's, and Mondrian."""
    table, found = encode(adult(complete=True), columns=NAMES), {}
    for suppress, levels in OPTIMA.items():
        best = best_full_domain(table, hierarchies=HIERARCHIES, k=5, suppress=suppress)
        if tuple(best.levels.values()) != levels:
            sys.exit(f"with {suppress:.0%} suppression the levels are {best.levels}; ARX finds {levels}")
        work = _search(table, suppress)
        found[f"best of 12,960 nodes, k = 5, {suppress:.0%} suppression"] = cpu(work, rounds=3)
    found |= _under_models(table)
    found[f"Mondrian, 9 columns, {table.rows:,} rows"] = cpu(lambda: mondrian(table, columns=NAMES, k=5), rounds=3)
    grown = encode(_mixed(adult(complete=True), 1_000_000), columns=NAMES)
    found["Mondrian, 9 columns, 1,000,000 rows"] = cpu(lambda: mondrian(grown, columns=NAMES, k=5), rounds=2)
    return found


def beside_arx(jar: Path) -> dict[str, float]:
    """The exact search in turn with ARX's own, which must find the same optimum; the first round warms both up."""
    table, found = adult(complete=True), {}
    coded = encode(table, columns=NAMES)
    with Arx(jar, table[list(NAMES)], HIERARCHIES) as arx:
        for suppress, levels in OPTIMA.items():
            name, work = f"best of 12,960 nodes, {suppress:.0%} suppression", _search(coded, suppress)
            rounds = [(cpu(work, rounds=1), *arx.search(k=5, suppress=suppress)) for _ in range(4)]
            if any(other != levels for _, _, other in rounds):
                sys.exit(f"with {suppress:.0%} suppression ARX finds {rounds[0][2]}, not {levels}")
            found[f"{name}, beside ARX"] = min(ours for ours, _, _ in rounds[1:])
            found[f"{name}, ARX"] = min(theirs for _, theirs, _ in rounds[1:])
    return found


def _by_database(table: Any, columns: list[str]) -> dict[str, float]:
    """The same figures from combinations that DuckDB counts in a Parquet file of text; seconds of all its threads."""
    if find_spec("ibis") is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.parquet"
        table.to_parquet(path)
        with opened(path) as given:
            work = cpu(lambda: _klt(encode(given, columns=[*columns, "income"]), columns), rounds=1)
    return {f"k, l and t by DuckDB, coding included, {len(table):,} rows": work}


def _under_models(table: Any) -> dict[str, float]:
    """The exact search and Mondrian where occupations must be diverse or close beside k = 5; and what is learnt."""
    hierarchies = {name: hierarchy for name, hierarchy in HIERARCHIES.items() if name != "occupation"}
    names, found = list(hierarchies), {}
    for model in (DistinctLDiversity(3), TCloseness(0.3)):
        asked = {"models": (model,), "sensitive": "occupation", "k": 5}
        name = f"{type(model).__name__} of occupation"
        for suppress in (0.0, 0.05):
            work = partial(best_full_domain, table, hierarchies=hierarchies, suppress=suppress, **asked)
            found[f"best of 4,320 nodes, {name}, {suppress:.0%} suppression"] = cpu(work, rounds=1)
        found[f"Mondrian, 8 columns, {name}"] = cpu(partial(mondrian, table, columns=names, **asked), rounds=3)
    known = [name for name in NAMES if name != "income"]
    parts = mondrian(table, columns=known, k=5)
    work = partial(accuracy_in, table, parts, target="income")
    found["accuracy of a model of income, 5 folds, with and without Mondrian"] = cpu(work, rounds=1)
    return found


def cpu(work: Callable[[], object], *, rounds: int) -> float:
    """The least CPU seconds of some rounds: what the work takes where nobody disturbs it."""
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)


def _search(table: Any, suppress: float) -> Callable[[], object]:
    return lambda: best_full_domain(table, hierarchies=HIERARCHIES, k=5, suppress=suppress)


def _klt(coded: Any, columns: list[str]) -> tuple[int, int, float]:
    classes = classes_of(coded, quasi_identifiers=columns, sensitive="income")
    return int(classes.sizes.min()), int(distinct_l(classes).min()), float(equal_distance(classes).max())


def _grown(table: Any, rows: int) -> Any:
    chance = generator(0)
    grown = table[[*QUASI, "income"]].iloc[chance.integers(0, len(table), rows)].reset_index(drop=True)
    return grown.assign(zip=chance.integers(0, 2000, rows))


def _mixed(table: Any, rows: int) -> dict[str, Any]:
    """Rows drawn again, a fifth of the cells of each column from another row: more combinations than plain copies."""
    chance = generator(1)
    drawn, made = chance.integers(0, len(table), rows), {}
    for name in NAMES:
        other = np.where(chance.random(rows) < 0.2, chance.integers(0, len(table), rows), drawn)
        made[name] = table[name].to_numpy()[other]
    return made


if __name__ == "__main__":
    main()
