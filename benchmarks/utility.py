"""Accuracy on real data at real budgets: mean of five runs, tuned and by the defaults.

python benchmarks/utility.py [--only NAME ...] [--half tuned] [--runs 5]

Everything goes through ``fit``: epsilon is that of the release's receipt. Noise is never seeded, so runs differ by
noise and by first weights. Test sets are public here. Settings follow published recipes and trials on these very data,
which would cost budget on private ones and are not charged. Each half of a row is a process of its own on one thread,
so that its memory is its own.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression as PlainLogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

from measuring import RESULTS, keep, show
from privet.estimators import LogisticRegression
from privet.training import Execution, fit
from utility_tasks import ADULT, DATA, TASKS, Encoder, Split, Task, adult, score

DELTA = 1e-5


def runs_of(task: Task, split: Split, *, runs: int, tuned: bool) -> dict[str, Any]:
    """Scores, receipts and seconds of some runs."""
    scores, spent, seconds = [], [], []
    for seed in range(runs):
        module = task.model(seed)
        settings = {"delta": DELTA, **task.tuned(module)} if tuned else {}
        begun = time.process_time()
        made = fit(module, split.train, criterion=nn.CrossEntropyLoss(), epsilon=task.epsilon, epochs=task.epochs,
                   execution=Execution(physical_batch_size=task.physical_batch_size), **settings)  # fmt: skip
        seconds.append(time.process_time() - begun)
        scores.append(score(made.module, split, metric=task.metric))
        spent.append((float(made.release.receipt.epsilon), float(made.release.receipt.delta)))
        print(f"{task.name}, {'tuned' if tuned else 'defaults'}, run {seed}: {scores[-1]:.4f}", file=sys.stderr)
    return {
        "mean": statistics.mean(scores),
        "std": statistics.stdev(scores) if runs > 1 else 0.0,
        "scores": scores,
        "epsilon": max(epsilon for epsilon, _ in spent),
        "delta": max(delta for _, delta in spent),
        "cpu_seconds_a_run": statistics.median(seconds),
    }


def measured(task: Task, *, runs: int, which: str) -> dict[str, Any]:
    """Half a row of the table, in this process."""
    begun = time.process_time()
    split = task.data()
    features = time.process_time() - begun
    return {
        "metric": task.metric,
        "epochs": task.epochs,
        which: runs_of(task, split, runs=runs, tuned=which == "tuned"),
        "published": task.published,
        "cpu_seconds_for_features": features,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": torch.get_num_threads(),
    }


def estimators(*, runs: int) -> dict[str, float]:
    """Areas under the ROC curve on Adult: our estimator, and models without privacy."""
    split = adult()
    # The intercept's column is the estimator's own.
    x, test = (rows[:, :-1].double().numpy() for rows in (split.x, split.test_x))
    y, truth = split.y.numpy(), split.test_y.numpy()
    bounds = [(0, 1) if "=" in name else (-1, 1) for name in Encoder(ADULT).names[:-1]]
    found: dict[str, float] = {}
    for epsilon in (1.0, 3.0):
        made = [
            LogisticRegression(epsilon=epsilon, delta=DELTA, bounds=bounds, expected_units=len(y)).fit(x, y)
            for _ in range(runs)
        ]
        areas = [float(roc_auc_score(truth, model.decision_function(test))) for model in made]
        found[f"Privet LogisticRegression, epsilon {epsilon:g}"] = statistics.mean(areas)
    plain = PlainLogisticRegression(max_iter=1000).fit(x, y)
    found["logistic regression without privacy"] = float(roc_auc_score(truth, plain.decision_function(test)))
    boosted = HistGradientBoostingClassifier().fit(x, y)
    found["gradient boosting without privacy"] = float(roc_auc_score(truth, boosted.decision_function(test)))
    return found


def alone(name: str, *, runs: int, half: str | None) -> dict[str, Any]:
    """What processes of their own measure: one for each half of a row, side by side, or only the one asked for."""
    halves = ["all"] if name == "estimators" else [half] if half else ["defaults", "tuned"]
    command = [sys.executable, __file__, "--runs", str(runs), "--row", name, "--half"]
    works = [subprocess.Popen([*command, half], stdout=subprocess.PIPE, text=True) for half in halves]
    found: dict[str, Any] = {}
    for work in works:
        told, _ = work.communicate()
        if work.returncode:
            sys.exit(f"{name} was not measured; the lines above say why")
        found |= json.loads(told.splitlines()[-1])
    return found


def told(results: dict[str, Any]) -> list[list[object]]:
    rows: list[list[object]] = []
    for name, row in results.items():
        if "tuned" in row:
            tuned, default = row["tuned"], row["defaults"]
            rows.append([name, f"{tuned['epsilon']:.2f}", _score(row, tuned), _score(row, default),
                         round(row["cpu_seconds_for_features"]), round(tuned["cpu_seconds_a_run"]),
                         round(row["peak_memory_mb"]), row["published"]])  # fmt: skip
    return rows


def _score(row: dict[str, Any], found: dict[str, Any]) -> str:
    if row["metric"] == "AUROC":
        return f"{found['mean']:.4f} ± {found['std']:.4f}"
    return f"{100 * found['mean']:.2f} ± {100 * found['std']:.2f} %"


COLUMNS = ["task", "epsilon", "tuned", "defaults", "features, CPU s", "a run, CPU s", "memory, MB", "published"]


def write_page(rows: list[list[object]], references: dict[str, float]) -> None:
    lines = ["# Accuracy at a budget", "", inspect.cleandoc(__doc__ or "").split("\n\n")[2].replace("``", "`"), ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    lines += ["", "Adult beside other models (area under the ROC curve):", "", "| model | AUROC |", "|---|---|"]
    lines += [f"| {name} | {area:.4f} |" for name, area in references.items()]
    (RESULTS / "utility.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def before() -> dict[str, Any]:
    """Results of rows that are not measured anew."""
    file = RESULTS / "utility.json"
    return json.loads(file.read_text(encoding="utf-8"))["results"] if file.exists() else {}


def main() -> None:
    names = {task.name: task for task in TASKS}
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__ or ""))
    parser.add_argument("--only", nargs="+", choices=[*names, "estimators"], default=[*names, "estimators"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--half", choices=["all", "defaults", "tuned"], help="measure only this half of rows anew")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if not Path(DATA).exists():
        sys.exit(f"there is no folder {DATA}; say with PRIVET_DATA where the data sets are")
    if options.row:
        row, runs = options.row, options.runs
        found = estimators(runs=runs) if row == "estimators" else measured(names[row], runs=runs, which=options.half)
        print(json.dumps(found))
        return
    results = before()
    for name in options.only:
        again = alone(name, runs=options.runs, half=options.half)
        results[name] = {**results.get(name, {}), **again} if options.half else again
        # After each row, so that an interrupted run keeps what it has.
        ordered = {known: results[known] for known in [*names, "estimators"] if known in results}
        keep("utility", ordered, packages=["torch", "scikit-learn", "pandas"])
        write_page(told(ordered), ordered.get("estimators", {}))
    show("Accuracy at a budget (mean of runs)", columns=COLUMNS, rows=told(results))


if __name__ == "__main__":
    main()
