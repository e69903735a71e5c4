from __future__ import annotations
import numpy as np

def test_it(ranks):
    a, b = ranks.run("trained")
    for n in a["before"]:
        assert np.array_equal(a["before"][n], b["before"][n])
        assert np.array_equal(a["after"][n], b["after"][n])
    print(a["rows"], b["rows"], a["steps"], a["epsilon"])
