"""One pass over a text: wherever an identifier can begin, the few kinds are tried that can begin so.

The pass goes from anchor to anchor: runs of digits, capitals, "@", "://". The run and the two characters after it are
a shape, and each shape has a panel: the kinds whose ``begins`` it fits. Names are looked for in the whole text first,
kind by kind. Checksums run on what a pattern fits, and kinds that need a word beside them are tried only where there is
one. Offsets are those of the text that was given.
"""

from __future__ import annotations

import bisect
import functools
import operator
import re
import string
from collections.abc import Iterable

from privet.deidentify.anchors import Place, groups, places
from privet.deidentify.capitals import Capitals
from privet.deidentify.finding import Finding, checked
from privet.deidentify.hints import Hints, Near
from privet.deidentify.recogniser import Recogniser, compiled, recognisers

# A finding this sure ends the search at its end: what lies inside it is part of it.
SURE = 0.9
# What a word beside it adds to a kind's score, where several kinds fit or the kind needs one.
CONTEXT = 0.2

# No identifier begins with a longer run of digits or letters.
LONGEST_RUN = 80

# So many ways to begin are kept; texts full of odd ones make no more of them.
_PANELS = 4096

# How characters are written where a kind says how it begins.
_SHAPE = bytes.maketrans(
    f"{string.digits}{string.ascii_uppercase}{string.ascii_lowercase}".encode(), b"0" * 10 + b"A" * 26 + b"a" * 26
)

# Full-width characters and the hyphens and spaces of other fonts, one for one so that offsets stay.
_WIDE = re.compile("[０-９Ａ-Ｚａ-ｚ＠．－＋／（）＿‐‑–−\u00a0\u3000\u2007\u202f]+")
_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {
    ord(wide): narrow for wide, narrow in zip("‐‑–−\u00a0\u3000\u2007\u202f", "----    ", strict=True)
}


def narrow(text: str) -> str:
    """The text with full-width letters, digits and their punctuation as plain ones; the length stays.

    >>> narrow("電話：０９１２－３４５")
    '電話：0912-345'
    """
    return text if text.isascii() else _WIDE.sub(lambda match: match.group().translate(_NARROW), text)


def shape(text: str, start: int, run: int) -> bytes:
    """A run and the two characters after it as ``Recogniser.begins`` writes them.

    >>> shape("on 12 May, 3 年", 3, 2), shape("3年2月", 0, 1)
    (b'00 A', b'0?0')
    """
    return text[start : start + run + 2].encode("ascii", "replace").translate(_SHAPE)


class Panel:
    """The kinds that can begin in one way: those that stand alone, and those that need a word beside them."""

    def __init__(self, items: Iterable[Recogniser]) -> None:
        forms = [(item, item.alone if item.needs_context else item.pattern) for item in items]
        self.alone = tuple((item, compiled(form).match) for item, form in forms if form)
        self.beside = tuple((item, compiled(item.pattern).match) for item, _ in forms if item.needs_context)


_NONE = Panel(())
# Ways whose kinds are looked for at once: few of their places lie in what is sure, so that little of it is in vain.
_AT_ONCE = frozenset(
    {"capital", "han", "han_name", "han_place", "han_ending", "han_house", "mail", "scheme", "sign", "hex"}
)
_NOTHING: list[Finding] = []


class Scanner:
    """Looks for given kinds. Made once and kept: its patterns take a moment to compile."""

    def __init__(self, items: tuple[Recogniser, ...]) -> None:
        self._items = tuple(item for item in items if item.in_text)
        self._hints = Hints(self._items)
        self._capitals = Capitals(self._items)
        self._panels: dict[str | bytes, Panel] = {}

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every identifier, from left to right; where two overlap the surer stays, then the longer, then the first."""
        return chosen(self.candidates(narrow(text)))

    def candidates(self, text: str, begin: int = 0) -> list[Finding]:
        """Everything that fits from a place on, overlaps and all; nothing is looked for inside a sure finding."""
        found: list[Finding] = []
        near, met, covered = Near(self._hints, text), places(text, begin), begin
        at_once = self._at_once(text, met)
        met.reverse()
        while met:
            start, way, run = met.pop()
            if start < covered and (way != "groups" or start + run <= covered):
                continue
            if way == "groups":
                met += reversed(groups(text, start, run))
                continue
            panel = self._panel(text, start, way, run)
            here = at_once[way].get(start, _NOTHING) if way in at_once else _alone(panel, text, start)
            if (panel.beside or len(here) > 1) and not (here and here[0].score >= SURE):
                here = self._beside(panel, text, start, near, here)
            for finding in here:
                found.append(finding)
                if finding.score >= SURE and finding.end > covered:
                    covered = finding.end
        return found

    def _at_once(self, text: str, met: list[Place]) -> dict[str, dict[int, list[Finding]]]:
        """What fits by itself, by way and place: the same work time after time is faster than in turn with other."""
        found = {}
        for way in {way for _, way, _ in met} & _AT_ONCE:
            starts = [start for start, met_by, _ in met if met_by == way]
            named = way == "capital"
            found[way] = (
                self._capitals.found(text, starts) if named else _each(self._panel(text, 0, way, 0), text, starts)
            )
        return found

    def _panel(self, text: str, start: int, way: str, run: int) -> Panel:
        if run > LONGEST_RUN:
            return _NONE
        key = shape(text, start, run) if run else way
        panel = self._panels.get(key)
        return self._made(key) if panel is None else panel

    def _made(self, key: str | bytes) -> Panel:
        """The panel of a shape, or of a way that has none."""
        if len(self._panels) > _PANELS:
            self._panels.clear()
        if isinstance(key, bytes):
            fits = [item for item in self._items if item.begins and compiled(item.begins).match(key.decode())]
        else:
            fits = [item for item in self._items if key in item.anchors]
        return self._panels.setdefault(key, Panel(fits) if fits else _NONE)

    def _beside(self, panel: Panel, text: str, start: int, near: Near, found: list[Finding]) -> list[Finding]:
        """What was found, surer where the words beside it speak of it, and the kinds that fit only beside them."""
        end = start
        for finding in found:
            if finding.score >= SURE:
                return found
            end = finding.end if finding.end > end else end
        hinted = near.beside(start, end)
        if not hinted:
            return found
        made = [_surer(finding) if finding.kind in hinted else finding for finding in found]
        known = [finding.kind for finding in found]
        for item, match in panel.beside:
            if item.name not in hinted or item.name in known:
                continue
            fits = match(text, start)
            fitting = checked(item, text, start, fits.end()) if fits else None
            if fitting is not None:
                made.append(_surer(fitting))
        return made


def _each(panel: Panel, text: str, starts: list[int]) -> dict[int, list[Finding]]:
    """The kinds that fit by themselves at places of one way, kind by kind."""
    found: dict[int, list[Finding]] = {}
    for item, match in panel.alone:
        for start in starts:
            fits = match(text, start)
            finding = checked(item, text, start, fits.end()) if fits else None
            if finding is not None:
                found.setdefault(start, []).append(finding)
    return found


def _alone(panel: Panel, text: str, start: int) -> list[Finding]:
    """The kinds that fit at a place by themselves."""
    found: list[Finding] = []
    sure = False
    for item, match in panel.alone:
        # The surest come first; what else begins here lies in the sure one or gives way to it.
        if sure and item.score < SURE:
            break
        fits = match(text, start)
        finding = checked(item, text, start, fits.end()) if fits else None
        if finding is not None:
            found.append(finding)
            sure = sure or finding.score >= SURE
    return found


def _surer(finding: Finding) -> Finding:
    return Finding(finding.kind, finding.start, finding.end, _raised(finding.score))


@functools.cache
def _raised(score: float) -> float:
    return min(1.0, round(score + CONTEXT, 2))


def chosen(candidates: Iterable[Finding]) -> tuple[Finding, ...]:
    """Of all that fit, those that stay, from left to right."""
    kept: list[Finding] = []
    cluster: list[Finding] = []
    end = 0
    # An address is met at its "@", after what stands in its local part.
    for finding in sorted(candidates, key=_start):
        _, start, stop, _ = finding
        if start >= end and cluster:
            kept += cluster if len(cluster) < 2 else resolve(cluster)
            cluster = []
        cluster.append(finding)
        end = stop if stop > end else end
    return tuple(kept + resolve(cluster))


def resolve(cluster: list[Finding]) -> list[Finding]:
    """Of those that overlap, the surest, then the longest, then the first."""
    if len(cluster) < 2:
        return cluster
    # Two of a cluster always overlap.
    if len(cluster) == 2:
        return [min(cluster, key=_rank)]
    kept: list[Finding] = []
    for finding in sorted(cluster, key=_rank):
        # What stays never overlaps, so that only its neighbours can.
        place = bisect.bisect_left(kept, finding.end, key=_start)
        if place == 0 or kept[place - 1].end <= finding.start:
            kept.insert(place, finding)
    return kept


_start = operator.attrgetter("start")


def _rank(finding: Finding) -> tuple[float, int, int]:
    return -finding.score, finding.start - finding.end, finding.start


@functools.cache
def scanner(kinds: frozenset[str] | None = None) -> Scanner:
    """The scanner of some kinds, or of all."""
    return Scanner(tuple(item for item in recognisers() if kinds is None or item.name in kinds))
