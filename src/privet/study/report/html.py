"""The report as one HTML file that asks nothing of any network: inline style, inline pictures, no script."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from privet.core.durable import write_whole
from privet.core.receipts import digest
from privet.study.report import comparisons, figures, words
from privet.study.report.appendix import exact_values
from privet.study.report.codec import encode_report
from privet.study.report.glance import tiles
from privet.study.report.model import StudyReport, Withheld
from privet.study.report.verdict import breaks_bound, certificate, settled


def render(report: StudyReport) -> str:
    """The page as text. The same report always gives the same text.

    Guarantee: every word that comes from the report is escaped, so that a column named ``<script>`` is only a name.
    """
    return _template().render(
        report=report,
        verdict=settled(report),
        tiles=tiles(report),
        certificate=certificate(report),
        exact_values=exact_values(report),
        fingerprint=digest(encode_report(report)),
        figures=figures,
        comparisons=comparisons,
        breaks_bound=breaks_bound,
        style=Markup(_resource("style.css")),
    )


def write(report: StudyReport, path: str | os.PathLike[str]) -> Path:
    """Write the page to ``path``: the old file or the whole new one is there, never a part.

    Errors: InvalidParameter if the folder does not exist or cannot be written.
    """
    return write_whole(path, render(report))


def _resource(name: str) -> str:
    return resources.files("privet.study.report").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    writers: dict[str, Callable[[Any], str]] = {
        "epsilon": words.epsilon,
        "loss": words.loss,
        "delta": words.delta,
        "percent": words.percent,
        "tick": words.tick,
        "out_of_100": lambda share: str(words.out_of_100(share)),
        "count": words.count,
        "size": words.size,
        "seconds": words.seconds,
        "moment": words.moment,
        "estimate": comparisons.estimate,
        "risk_figure": comparisons.risk_figure,
        "text": str,
    }
    environment.filters.update({name: _or_reason(write) for name, write in writers.items()})
    environment.tests["withheld"] = lambda value: isinstance(value, Withheld)
    return environment.get_template("template.html.j2")


def _or_reason(write: Callable[[Any], str]) -> Callable[[Any], str]:
    """A filter that writes the value, or in its place why there is none."""

    def filtered(value: Any) -> str:
        if isinstance(value, Withheld):
            return Markup('<span class="withheld">Not shown: {}</span>').format(value.reason)
        return write(value)

    return filtered
