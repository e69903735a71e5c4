"""Ways to answer with noise, one file each: it says what it does (event), does it (apply), and never counts.

Every file is a plug-in found by its name (``privet.core.plugins``). It defines ``MECHANISM``, the class; ``example()``,
a small one on vectors for the shared contract suite in tests/mechanisms; and has a proof page under docs/proofs/.
"""
