"""Sums that nobody sees the parts of. A secure sum hides, it does not release: its result is still private."""
