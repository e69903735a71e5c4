"""Trainers held to what their accounting takes for granted: ours, and Opacus' in several settings.

    python benchmarks/audit_peers.py [--peer-python PATH]

Opacus is audited as its documentation has it: units come and go (add-or-remove), so that rate and divisor may not
know their number; and once more with a public number of units, so that nothing else hides behind that.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from privet.audit.conformance import Job, StatedSampling, Step, Trainer, audit_trainer
from privet.audit.conformance.trainer import gradients_of
from privet.core.neighbours import Relation

PUBLIC = {"relation": Relation.ZERO_OUT}
SETTINGS: dict[str, dict[str, Any]] = {
    "Opacus, units come and go": {"relation": Relation.ADD_OR_REMOVE},
    "Opacus, number of units public": PUBLIC,
    "Opacus, pieces": {**PUBLIC, "pieces": 20},
    "Opacus, per layer": {**PUBLIC, "clipping": "per_layer"},
    "Opacus, ghost": {**PUBLIC, "mode": "ghost"},
    "Opacus, poisson_sampling=False": {**PUBLIC, "poisson_sampling": False},
}


def opacus_trainer(name: str, *, relation: Relation, **settings: Any) -> Trainer:
    return Trainer(
        name=name,
        train=lambda job: train(job, **settings),
        sampling=StatedSampling.POISSON,
        relation=relation,
    )


def train(
    job: Job,
    *,
    mode: str = "hooks",
    clipping: str = "flat",
    poisson_sampling: bool = True,
    pieces: int | None = None,
) -> Iterator[Step]:
    """As its tutorials call it; what the wrapped optimizer is given is seen."""
    from opacus import PrivacyEngine

    plan, seen = job.plan, []
    own = torch.optim.SGD(job.module.parameters(), lr=0.1)
    own.register_step_pre_hook(lambda *call: seen.append(gradients_of(job.module)))
    tensors = len(list(job.module.parameters()))
    clip_norm: Any = [plan.clip_norm / tensors**0.5] * tensors if clipping == "per_layer" else plan.clip_norm
    engine = PrivacyEngine()
    made = engine.make_private(
        module=job.module,
        optimizer=own,
        data_loader=DataLoader(job.dataset, batch_size=round(plan.expected_batch_size), shuffle=True),
        noise_multiplier=plan.noise_multiplier,
        max_grad_norm=clip_norm,
        clipping=clipping,
        poisson_sampling=poisson_sampling,
        grad_sample_mode=mode,
        **({"criterion": job.criterion} if mode == "ghost" else {}),
    )
    model, optimizer, loader = made[0], made[1], made[-1]
    criterion: Callable[..., Any] = made[2] if mode == "ghost" else job.criterion
    while True:
        with in_pieces(loader, optimizer, pieces) as batches:
            for x, y in batches:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
                for gradients in seen:
                    counted = sum(count for _, _, count in engine.accountant.history)
                    yield Step(gradients=gradients, accounted=counted)
                    if counted >= plan.steps:
                        return
                seen.clear()


def in_pieces(loader: Any, optimizer: Any, pieces: int | None) -> Any:
    from contextlib import nullcontext

    from opacus.utils.batch_memory_manager import BatchMemoryManager

    if pieces is None:
        return nullcontext(loader)
    return BatchMemoryManager(data_loader=loader, max_physical_batch_size=pieces, optimizer=optimizer)


def audited(trainer: Trainer) -> dict[str, Any]:
    begun = time.perf_counter()
    report = audit_trainer(trainer)
    failing = {check.check: check.sentence for check in report.checks if check.check in report.failed}
    return {"trainer": trainer.name, "seconds": round(time.perf_counter() - begun, 1), "fails": failing}


def peers() -> dict[str, Any]:
    from importlib.metadata import version

    warnings.simplefilter("ignore")
    found = []
    for name, settings in SETTINGS.items():
        try:
            found.append(audited(opacus_trainer(name, **settings)))
        except Exception as error:
            found.append({"trainer": name, "seconds": 0.0, "fails": {"cannot be audited": str(error)[:300]}})
    return {"opacus": version("opacus"), "trainers": found}


def elsewhere(python: str) -> dict[str, Any]:
    """The same file in the peers' environment."""
    source = str(Path(__file__).parents[1] / "src")
    environment = {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    command = [python, "-W", "ignore", __file__, "--inside"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", help="Python of an environment with opacus")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.inside:
        print(json.dumps(peers()))
        return
    from measuring import keep, show
    from privet.audit.conformance.engine import engine_trainer

    ours = [
        audited(engine_trainer(name="Privet, number of units public")),
        audited(engine_trainer(name="Privet, units come and go", relation=Relation.ADD_OR_REMOVE)),
    ]
    theirs = elsewhere(options.peer_python) if options.peer_python else {"opacus": None, "trainers": []}
    found = ours + theirs["trainers"]
    rows = [[one["trainer"], one["seconds"], ", ".join(one["fails"]) or "every check holds"] for one in found]
    show("Does the trainer do what its accounting says?", columns=["trainer", "seconds", "fails"], rows=rows)
    for one in found:
        for check, sentence in one["fails"].items():
            print(f"  {one['trainer']}: {check}: {sentence}")
    keep("audit_peers", {"opacus": theirs["opacus"], "trainers": found}, packages=["torch"])


if __name__ == "__main__":
    sys.exit(main())
