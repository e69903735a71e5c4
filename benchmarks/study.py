"""The whole demo, step by step, and its second call; and its logistic regression beside diffprivlib's.

python benchmarks/study.py [--peer-python PATH]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from measuring import interleaved_seconds, keep, show, timed
from peers import Peer
from privet.estimators import LogisticRegression
from privet.study import work
from privet.study.data import feature_columns
from privet.study.demo import write_study
from privet.study.record import Record, run_folder
from privet.study.steps import PlannedStudy, plan_study

PEER = """
import warnings
warnings.simplefilter("ignore")
import numpy as np
from diffprivlib.models import LogisticRegression
data = np.load({path!r})
scores = []
def fit():
    model = LogisticRegression(epsilon=1.0, data_norm=1.0, max_iter=2000).fit(data["x"], data["y"])
    scores.append(float(model.score(data["tx"], data["ty"])))
    np.save({out!r}, np.asarray(scores))
works["diffprivlib LogisticRegression, epsilon 1"] = fit
"""


def demo(folder: Path) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "privet", "demo", "--folder", str(folder), "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return time.perf_counter() - begun


def steps_of(planned: PlannedStudy) -> dict[str, float]:
    with Record(run_folder(planned.file), digest=planned.file.digest, study="").open() as record:
        return {step.step: step.seconds for step in record.steps()}


def logistic(planned: PlannedStudy, folder: Path, peer_python: str | None) -> dict[str, dict[str, float]]:
    data = work._load(planned)
    train, test = data.train_rows, data.test_rows
    # The peer asks for rows of bounded norm and gets them encoded so, without the intercept's column; ours asks for the
    # bounds of plain columns.
    x, tx = train.features[:, :-1], test.features[:, :-1]
    raw = np.column_stack(list(feature_columns(data.table, planned.spec).values()))
    bounds = [planned.spec.data.columns[name].bounds or (0.0, 1.0) for name in planned.spec.features]
    files = {"path": str(folder / "rows.npz"), "out": str(folder / "scores.npy")}
    np.savez(files["path"], x=x, y=train.labels, tx=tx, ty=test.labels)
    scores: list[float] = []

    def fit() -> None:
        model = LogisticRegression(epsilon=1.0, delta=1e-6, bounds=bounds, expected_units=15_000)
        scores.append(float(model.fit(raw[~data.test], train.labels).score(raw[data.test], test.labels)))

    with Peer(peer_python, PEER.format(**files)) as peer:
        medians = interleaved_seconds({"Privet LogisticRegression, epsilon 1": timed(fit)} | peer.timed(), rounds=9)
    found = {"Privet LogisticRegression, epsilon 1": scores}
    if peer.works:
        found[peer.works[0]] = np.load(files["out"]).tolist()
    always = float(max(test.labels.mean(), 1 - test.labels.mean()))
    results = {
        name: {"seconds": medians[name], "accuracy": float(np.median(values)), "worst": min(values)}
        for name, values in found.items()
    }
    return results | {"always the commoner answer": {"seconds": 0.0, "accuracy": always, "worst": always}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "demo"
        first, second = demo(place), demo(place)
        planned = plan_study(write_study(place))
        times = {"first call": first, "second call": second, **steps_of(planned)}
        models = logistic(planned, Path(folder), options.peer_python)
    show("The demo, seconds (20,190 rows)", columns=["what", "seconds"], rows=[[n, s] for n, s in times.items()])
    rows = [[name, found["seconds"], found["accuracy"], found["worst"]] for name, found in models.items()]
    columns = ["model", "seconds", "median accuracy", "worst of 10"]
    show("Logistic regression on the demo's rows, held-out accuracy", columns=columns, rows=rows)
    keep("study", {"demo_seconds": times, "logistic": models}, packages=["pandas", "scikit-learn", "statsmodels"])


if __name__ == "__main__":
    main()
