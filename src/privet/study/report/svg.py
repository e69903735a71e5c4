"""A drawing as inline SVG: text, bars, lines; colours come from the page's style sheet, never from here.

Each figure is drawn twice, for a wide and for a narrow page, because letters that shrink with a picture cannot be read
on a phone. The style sheet shows one of the two and takes the other out of the accessibility tree as well.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from markupsafe import Markup

WIDE, NARROW = 680, 340
SMALL, NORMAL = 12, 13
_NARROW_LETTERS = frozenset("iljtfrI.,:;'|!()[]- ·")


@dataclass(frozen=True, slots=True)
class Scale:
    """Moves values of [low, high] linearly to pixels of [start, end]; values outside stop at the ends.

    >>> Scale(0, 10, 100, 200)(5), Scale(0, 10, 200, 100)(99)
    (150.0, 100.0)
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + min(1.0, max(0.0, part)) * (self.end - self.start)


@dataclass(slots=True)
class Drawing:
    """Collects shapes; ``title`` and ``description`` say in words what the picture says in lines."""

    name: str
    width: float
    height: float = 0
    title: str = ""
    description: str = ""
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, *, style: str = "", anchor: str = "start") -> None:
        classes = f"t {style}".strip()
        self.parts.append(
            f'<text x="{_px(x)}" y="{_px(y)}" class="{classes}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def bar(self, x: float, y: float, width: float, height: float, *, style: str) -> None:
        fill = f' fill="url(#{self.name}-hatch)"' if style == "hatched" else ""
        self.parts.append(
            f'<rect x="{_px(x)}" y="{_px(y)}" width="{_px(max(0, width))}" height="{_px(height)}" '
            f'class="{style}"{fill}/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, *, style: str) -> None:
        self.parts.append(f'<line x1="{_px(x1)}" y1="{_px(y1)}" x2="{_px(x2)}" y2="{_px(y2)}" class="{style}"/>')

    def path(self, points: list[tuple[float, float]], *, style: str, closed: bool = False) -> None:
        steps = " L".join(f"{_px(x)} {_px(y)}" for x, y in points)
        self.parts.append(f'<path d="M{steps}{"Z" if closed else ""}" class="{style}"/>')

    def dot(self, x: float, y: float, radius: float, *, style: str) -> None:
        self.parts.append(f'<circle cx="{_px(x)}" cy="{_px(y)}" r="{_px(radius)}" class="{style}"/>')

    def person(self, x: float, y: float, *, style: str) -> None:
        """A small standing figure, 16 wide and 26 high, with its upper left corner at (x, y)."""
        fill = f' fill="url(#{self.name}-hatch)"' if style == "hatched" else ""
        body = "M2.5 26V16.5C2.5 12.5 4.8 10.5 8 10.5S13.5 12.5 13.5 16.5V26Z"
        self.parts.append(
            f'<g transform="translate({_px(x)} {_px(y)})" class="{style}"{fill}>'
            f'<circle cx="8" cy="5" r="4"/><path d="{body}"/></g>'
        )

    def whisker(self, low: float, high: float, y: float) -> None:
        """A confidence interval as a line with end strokes, over a halo so that it is seen on any ground."""
        for style in ("halo", "whisker"):
            self.line(low, y, high, y, style=style)
            self.line(low, y - 4, low, y + 4, style=style)
            self.line(high, y - 4, high, y + 4, style=style)

    def render(self) -> str:
        name, size = self.name, f"{_px(self.width)} {_px(self.height)}"
        hatch = (
            f'<defs><pattern id="{name}-hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><rect width="5" height="5" class="hatch-ground"/>'
            '<rect width="2" height="5" class="hatch-line"/></pattern></defs>'
        )
        return (
            f'<svg viewBox="0 0 {size}" role="img" aria-labelledby="{name}-title {name}-desc">'
            f'<title id="{name}-title">{escape(self.title)}</title>'
            f'<desc id="{name}-desc">{escape(self.description)}</desc>'
            f"{hatch if f'{name}-hatch' in ''.join(self.parts) else ''}{''.join(self.parts)}</svg>"
        )


def responsive(name: str, draw: Callable[..., None], *values: Any) -> Markup:
    """Draw a figure for both page widths."""
    pieces = []
    for kind, width in (("wide", WIDE), ("narrow", NARROW)):
        drawing = Drawing(name=f"{name}-{kind}", width=width)
        draw(drawing, *values)
        pieces.append(f'<div class="figure {kind}">{drawing.render()}</div>')
    return Markup("".join(pieces))  # safe: Drawing has escaped every word in it


def text_width(words: str, *, size: float = NORMAL) -> float:
    """About how many pixels the words take: a Chinese character is as wide as it is high, a Latin one about half.

    >>> round(text_width("ab")), round(text_width("il")), text_width("隐私")
    (16, 9, 26.0)
    """
    return size * sum(_letter_width(letter) for letter in words)


def _letter_width(letter: str) -> float:
    """In parts of the letter height, on the wide side of the fonts that pages meet."""
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.36 if letter in _NARROW_LETTERS else 0.62


def fit(words: str, width: float, *, size: float = NORMAL) -> str:
    """Shorten words to the width, with an ellipsis where something was cut; the table beside has them whole.

    >>> fit("logistic regression", 60)
    'logistic…'
    """
    if text_width(words, size=size) <= width:
        return words
    while words and text_width(words + "…", size=size) > width:
        words = words[:-1]
    return words.rstrip() + "…"


def ticks(top: float, *, most: int = 5) -> list[float]:
    """Round values from 0 to at least ``top``, at most ``most`` steps.

    >>> ticks(2.7), ticks(0.034)
    ([0.0, 1.0, 2.0, 3.0], [0.0, 0.01, 0.02, 0.03, 0.04])
    """
    if top < 1e-12:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(top))
    steps = (factor * power / 10 for factor in (1, 2, 5, 10, 20, 50, 100))
    step = next(step for step in steps if top / step <= most)
    return [round(index * step, 15) for index in range(math.ceil(top / step - 1e-9) + 1)]


def _px(value: float) -> str:
    """Pixels with one decimal at most: enough for the eye, and the same text on every machine."""
    return f"{round(value, 1):g}"
