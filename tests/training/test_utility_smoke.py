"""Accuracy on real data at a real budget, small enough for every run of the tests."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from privet.training.fitting import fit  # noqa: E402
from privet.training.fixed_features import computed_once  # noqa: E402
from privet.training.whitening import picture_features  # noqa: E402

DATA = Path(os.environ.get("PRIVET_DATA", Path(__file__).parents[3] / "shared" / "data")) / "mnist"


def pictures(part: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first of a part's pictures, pixels in [0, 1], and their labels."""
    with (
        gzip.open(DATA / f"{part}-images-idx3-ubyte.gz") as images,
        gzip.open(DATA / f"{part}-labels-idx1-ubyte.gz") as labels,
    ):
        pixels, classes = images.read(16 + count * 784)[16:], labels.read(8 + count)[8:]
    x = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).float().view(count, 1, 28, 28) / 255
    return x, torch.frombuffer(bytearray(classes), dtype=torch.uint8).long()


@pytest.mark.skipif(not DATA.exists(), reason="MNIST is not here; say with PRIVET_DATA where the data sets are")
def test_a_linear_model_on_fixed_features_reads_digits_at_epsilon_three_with_nothing_tuned() -> None:
    (x, y), (test_x, test_y) = pictures("train", 6000), pictures("t10k", 1000)
    fixed = nn.Sequential(picture_features(), nn.Flatten())
    module = nn.Linear(81 * 49, 10)
    fitted = fit(
        module, TensorDataset(computed_once(fixed, x), y), criterion=nn.CrossEntropyLoss(), epsilon=3.0, epochs=15
    )
    right = fitted.module(computed_once(fixed, test_x)).argmax(1) == test_y
    assert float(right.float().mean()) > 0.9
    assert fitted.release.receipt.epsilon <= 3.0
