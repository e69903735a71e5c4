"""MDAV: groups of at least k rows that are near each other, by maximum distance to the average vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


def mdav(rows: Rows, *, k: int, most_rows: int) -> NDArray[np.int64]:
    """Which group each row belongs to.

    Guarantee: every group has at least ``k`` rows, and at most 2 k - 1, if there are at least ``k`` rows.
    Shapes: ``rows`` is (n, d) without NaN; the answer (n,), groups from 0 on. The work is n² d / k, so more than
    ``most_rows`` rows are first halved at the median of their widest column until they are fewer.
    Reference: Domingo-Ferrer & Mateo-Sanz 2002; Domingo-Ferrer & Torra 2005 (MDAV); Solé et al. 2012 (blocks).

    >>> mdav(np.array([[1.0], [9.0], [2.0], [8.0]]), k=2, most_rows=100).tolist()
    [0, 1, 0, 1]
    """
    groups = np.empty(len(rows), dtype=np.int64)
    made = 0
    for block in _blocks(rows, np.arange(len(rows)), most_rows=max(most_rows, 2 * k)):
        line = rows.shape[1] == 1
        for members in _on_a_line(rows[block, 0], k) if line else _in_space(rows[block], k):
            groups[block[members]] = made
            made += 1
    return groups


def _blocks(rows: Rows, block: NDArray[np.int64], *, most_rows: int) -> list[NDArray[np.int64]]:
    """Blocks of at most ``most_rows`` rows, each of at least half as many; on a line nothing is gained by them."""
    if len(block) <= most_rows or rows.shape[1] == 1:
        return [block]
    widest = int(np.argmax(np.ptp(rows[block], axis=0)))
    order = block[np.argsort(rows[block, widest], kind="stable")]
    middle = len(order) // 2
    return _blocks(rows, order[:middle], most_rows=most_rows) + _blocks(rows, order[middle:], most_rows=most_rows)


def _on_a_line(values: NDArray[np.float64], k: int) -> list[NDArray[np.int64]]:
    """In one dimension the farthest rows are the ends, and their neighbours the next ones: one sort does it all."""
    order = np.argsort(values, kind="stable")
    made, low, high = [], 0, len(order)
    while high - low >= 3 * k:
        made += [order[low : low + k], order[high - k : high]]
        low, high = low + k, high - k
    rest = order[low:high]
    if len(rest) < 2 * k:
        return [*made, rest] if len(rest) else made
    centre = values[rest].mean()
    at_the_end = abs(values[rest[-1]] - centre) > abs(values[rest[0]] - centre)
    return [*made, rest[-k:], rest[:-k]] if at_the_end else [*made, rest[:k], rest[k:]]


def _in_space(rows: Rows, k: int) -> list[NDArray[np.int64]]:
    left = np.arange(len(rows))
    # Column by column, so that a distance is a few additions of whole arrays.
    columns = np.ascontiguousarray(rows.T)
    total, made = rows.sum(axis=0), []
    while len(left) >= 2 * k:
        far = int(np.argmax(_squared(columns, total / len(left))))
        anchors = [columns[:, far].copy()]
        if len(left) >= 3 * k:
            anchors.append(columns[:, int(np.argmax(_squared(columns, anchors[0])))].copy())
        for anchor in anchors:
            near = np.argpartition(_squared(columns, anchor), k - 1)[:k]
            made.append(left[near])
            total = total - columns[:, near].sum(axis=1)
            stays = np.ones(len(left), dtype=np.bool_)
            stays[near] = False
            left, columns = left[stays], columns[:, stays]
    return [*made, left] if len(left) else made


def _squared(columns: Rows, point: Rows) -> NDArray[np.float64]:
    found = np.zeros(columns.shape[1])
    for column, value in zip(columns, point.tolist(), strict=True):
        apart = column - value
        found += apart * apart
    return found
