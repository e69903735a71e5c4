"""Last of the folder's files, because the two processes are gone afterwards."""

from __future__ import annotations


def test_a_rank_that_dies_is_an_error_for_the_others(ranks) -> None:
    first = ranks.run_until_one_dies("dying")
    assert first[0] == "RanksDiffer"
    assert "is gone" in first[1]
