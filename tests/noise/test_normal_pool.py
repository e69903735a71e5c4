"""Normals made ahead: the same law, each handed out once, and never by two processes."""

from __future__ import annotations

import os
import pickle
import threading

import numpy as np
import pytest
from scipy import stats

from privet.core.errors import InvalidParameter, SealedValue
from privet.noise.keystream import Keystream, expansion
from privet.noise.normal_pool import MOST, SIZE, NormalPool
from privet.noise.secure import SecureNoise


def pool() -> NormalPool:
    return NormalPool(expansion(Keystream().read(32)))


@pytest.mark.statistical
@pytest.mark.parametrize("size", [1, 7, MOST])
def test_draws_follow_the_law_across_fills_and_reject_ten_percent_off(size: int) -> None:
    noise = SecureNoise()
    drawn = np.concatenate([noise.single_normals(size) for _ in range(max(3, 3 * SIZE // size))])
    assert stats.kstest(drawn, "norm").pvalue > 1e-6
    assert stats.kstest(drawn / 1.1, "norm").pvalue < 1e-9
    assert stats.kstest(drawn / 0.9, "norm").pvalue < 1e-9
    assert len(np.unique(drawn)) > 0.98 * len(drawn)


def test_what_is_handed_out_is_wiped() -> None:
    made = pool()
    taken = made.take(100)
    assert taken.all()
    assert not made._made[:100].any()
    taken[:] = 5  # the taker's own
    assert not (made._made == 5).any()


def test_threads_never_get_the_same_numbers() -> None:
    made, found = pool(), []

    def take() -> None:
        found.extend(made.take(50) for _ in range(400))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = {row.tobytes() for row in found}
    assert len(rows) == 1600


def test_a_fork_does_not_go_on_with_its_parent_s_numbers() -> None:
    noise = SecureNoise()
    noise.single_normals(10)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.write(writing, noise.single_normals(100).tobytes())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = np.frombuffer(os.read(reading, 400), np.float32)
    os.close(reading)
    os.close(writing)
    assert theirs.size == 100
    assert not np.isin(noise.single_normals(100), theirs).all()
    assert np.isin(noise.single_normals(1000), theirs).mean() < 0.01


@pytest.mark.parametrize("size", [-1, MOST + 1])
def test_sizes_that_are_not_few_are_refused(size: int) -> None:
    with pytest.raises(InvalidParameter, match=f"size is {size}"):
        pool().take(size)


def test_a_source_with_numbers_made_ahead_is_still_not_stored() -> None:
    noise = SecureNoise()
    noise.single_normals(3)
    with pytest.raises(SealedValue):
        pickle.dumps(noise)
