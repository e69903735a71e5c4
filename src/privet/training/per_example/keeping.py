"""Which gradients of single examples are kept, where memory does not suffice for all."""

from __future__ import annotations

from collections.abc import Hashable


class Keeping:
    """A budget of bytes for one batch after the other.

    The first batch keeps what comes first. It shows what each part takes and how many products a number that is kept
    saves, because what is not kept is made once more for the sum. From the second batch on those parts are kept that
    save most for their size.

    >>> keeping = Keeping(100)
    >>> [keeping.takes("late", 90, examples=1, saves=4), keeping.takes("early", 20, examples=1, saves=64)]
    [True, False]
    >>> keeping.begin(100, examples=1)
    >>> [keeping.takes("late", 90, examples=1, saves=4), keeping.takes("early", 20, examples=1, saves=64)]
    [False, True]
    """

    def __init__(self, memory: int) -> None:
        self._whole = self._left = memory
        # By part: products saved for each number, and bytes for each example.
        self._asked: dict[Hashable, tuple[float, float]] = {}
        self._shown: dict[Hashable, tuple[float, float]] = {}
        # None: whatever comes first.
        self._chosen: set[Hashable] | None = None

    def begin(self, memory: int, *, examples: int) -> None:
        """So much memory for the coming batch."""
        self._whole = self._left = memory
        if self._asked:
            self._shown, self._asked = self._asked, {}
        if examples * sum(size for _, size in self._shown.values()) <= memory:
            self._chosen = None
            return
        self._chosen = set()
        for part, (_, size) in sorted(self._shown.items(), key=lambda item: (-item[1][0], -item[1][1])):
            if size * examples <= memory:
                memory -= int(size * examples)
                self._chosen.add(part)

    def fits(self, size: int) -> bool:
        """Whether so much could be kept if nothing else were."""
        return size <= self._whole

    def drops(self, part: Hashable) -> bool:
        """Whether a part is certainly not kept in this batch."""
        return self._chosen is not None and part not in self._chosen

    def takes(self, part: Hashable, size: int, *, examples: int, saves: float) -> bool:
        """Whether a part is kept, which takes ``size`` bytes of a batch of ``examples``."""
        _, known = self._asked.get(part, (0.0, 0.0))
        self._asked[part] = saves, known + size / max(1, examples)
        if size > self._left or self.drops(part):
            return False
        self._left -= size
        return True
