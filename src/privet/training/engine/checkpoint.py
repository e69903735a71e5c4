"""A loop on disk: module, optimizer, claim, and what sampler, clipping and noise need to go on as planned."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from privet.core.durable import write_bytes_whole
from privet.core.errors import InvalidParameter
from privet.core.events import from_json, to_json
from privet.training.engine.loader import PlannedBatches
from privet.training.engine.module import PrivateModule
from privet.training.engine.optimizer import PrivateOptimizer
from privet.training.engine.processes import Processes
from privet.training.engine.steps import Steps
from privet.training.noise_law import FreshNoise, remembers

_VERSION = 1
# Noise that is still to cancel and the sampler's key are in the file.
_OWNER_ONLY = 0o600


def write(
    path: str | Path | IO[bytes],
    *,
    module: nn.Module,
    optimizer: Any,
    steps: Steps,
    stepping: PrivateOptimizer,
    processes: Processes,
    further: dict[str, Any],
) -> None:
    """See ``PrivacyEngine.save_checkpoint``."""
    plain = module.wrapped if isinstance(module, PrivateModule) else module
    module_state, optimizer_state = processes.saved_states(plain, optimizer)
    saved = {
        **further,
        "privet_checkpoint": _VERSION,
        "module_state_dict": module_state,
        "optimizer_state_dict": optimizer_state,
        "claim": steps.run.claim,
        "steps": steps.done,
        "plan": to_json(stepping.plan.event_after(stepping.plan.steps)),
        "history": [to_json(steps.event)],
        "sampler_key": steps.sampler_key,
        "clipping": stepping.clipper.state_dict(),
        "noise": stepping.gradients.whole_noise(stepping.noise.state_dict()),
    }
    processes.kept("saving", lambda: _write(path, saved))


def _write(path: str | Path | IO[bytes], saved: dict[str, Any]) -> None:
    made = io.BytesIO()
    torch.save(saved, made)
    if isinstance(path, (str, Path)):
        write_bytes_whole(path, made.getvalue(), mode=_OWNER_ONLY)
    else:
        path.write(made.getvalue())


def read(path: str | Path | IO[bytes]) -> dict[str, Any]:
    """Errors: InvalidParameter if it is no checkpoint of ours."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InvalidParameter(f"{path} cannot be read ({error.strerror or error}); give another checkpoint") from None
    except Exception:
        raise InvalidParameter(f"{path} is not a whole checkpoint; give one that save_checkpoint wrote") from None
    if not isinstance(saved, dict) or saved.get("privet_checkpoint") != _VERSION:
        raise InvalidParameter(f"{path} is not a checkpoint of this version; give one that save_checkpoint wrote")
    return saved


def restore(
    saved: dict[str, Any],
    *,
    module: nn.Module,
    optimizer: Any,
    steps: Steps,
    stepping: PrivateOptimizer,
    batches: PlannedBatches,
    processes: Processes,
) -> None:
    """See ``PrivacyEngine.load_checkpoint``. Errors: InvalidParameter if it was written under another plan."""
    if saved["plan"] != to_json(stepping.plan.event_after(stepping.plan.steps)):
        raise InvalidParameter(
            "the checkpoint was written under another plan (noise, sampling or number of steps); make the loop private "
            "with the same settings"
        )
    plain = module.wrapped if isinstance(module, PrivateModule) else module
    processes.load_states((saved["module_state_dict"], saved["optimizer_state_dict"]), plain, optimizer)
    stepping.clipper.load_state_dict(saved["clipping"])
    stepping.noise.load_state_dict(stepping.gradients.own_noise(saved["noise"]))
    # Independent batches are drawn anew; others must be those of the epoch that was begun.
    remembered = remembers(stepping.plan.sampling, stepping.plan.steps)
    history = [from_json(event) for event in saved["history"]]
    # Batches of steps that a crash lost are not trained again, or their units would take part once more than is paid
    # for, should somebody have seen those steps. Correlated noise cannot skip: its units would then meet too soon.
    again = not isinstance(stepping.noise, FreshNoise)
    key = saved["sampler_key"] if remembered else None
    steps.restore(done=saved["steps"], history=history, key=key, again=again)
    if remembered:
        batches.number = saved["steps"] if again else steps.done
