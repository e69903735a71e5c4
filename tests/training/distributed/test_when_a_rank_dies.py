"""Last of the folder's files, because the two processes are gone afterwards."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

from privet.core.errors import PermitError
from privet.ledger import Ledger
from privet.training import PrivacyEngine

from . import jobs


def test_the_others_get_an_error_and_one_process_goes_on_with_the_claim(ranks, tmp_path) -> None:
    path = tmp_path / "loop.pt"
    said = ranks.run_until_one_dies("dying", path=str(path), folder=str(tmp_path))
    assert said[0] == "RanksDiffer"
    assert "is gone" in said[1]
    with Ledger.open(f"sqlite:///{tmp_path}/book.db") as ledger:
        account, module, engine = ledger.account("people"), jobs.network(7), PrivacyEngine()
        assert [str(claim.state) for claim in account.history()] == ["reserved"]
        model, optimizer, loader = engine.make_private(
            module=module,
            optimizer=torch.optim.SGD(module.parameters(), lr=jobs.LR, momentum=jobs.MOMENTUM),
            data_loader=DataLoader(jobs.data(), batch_size=jobs.BATCH),
            noise_multiplier=2.0,
            max_grad_norm=jobs.CLIP,
            epochs=2,
            account=account,
            resume=path,
        )
        assert engine.steps >= 3
        with pytest.raises(PermitError, match="all 20 steps"):
            for _ in range(3):
                jobs.one_epoch(model, optimizer, loader)
        engine.release(model)
        assert [str(claim.state) for claim in account.history()] == ["committed"]
