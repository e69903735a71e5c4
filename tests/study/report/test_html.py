"""The page: whole, escaped, alone, readable."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.core.receipts import digest
from privet.study.report import render, write
from privet.study.report.codec import decode_report, encode_report
from privet.study.report.model import StudyReport, Withheld

VOID = {"meta", "br", "hr", "img", "input", "link"}
SHAPES = {"rect", "line", "path", "circle"}


class Page(HTMLParser):
    """Keeps an eye on the balance of tags and collects what tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in SHAPES:
            self.faults.append(f"<{tag}/>")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(params=["full", "minimal"])
def report(request) -> StudyReport:
    return request.getfixturevalue(request.param)


def test_tags_are_balanced_and_ids_are_unique(report):
    page = Page(render(report))
    assert page.faults == []
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_label_of_the_page_points_at_something(report):
    page = Page(render(report))
    ids = {attrs.get("id") for _, attrs in page.tags}
    labels = [name for _, attrs in page.tags for name in (attrs.get("aria-labelledby") or "").split()]
    assert labels
    assert set(labels) <= ids


def test_the_page_asks_nothing_of_the_network_and_runs_nothing(report):
    text = render(report)
    page = Page(text)
    assert {tag for tag, _ in page.tags} & {
        "script",
        "link",
        "iframe",
        "img",
        "object",
        "embed",
        "base",
        "form",
    } == set()
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "action", "srcset", "data"):
                assert value.startswith("#"), (tag, name)
    assert re.findall(r"url\((?!#)", text) == []
    assert "@import" not in text
    assert re.findall(r"(?i)\b(?:https?|ftp|wss?):", text) == []
    assert "default-src 'none'" in text


HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}<img src=x onerror=y>"


def _poison(value):
    """The same report with hostile words in every free text."""
    if isinstance(value, tuple):
        return tuple(_poison(part) for part in value)
    if not dataclasses.is_dataclass(value):
        return value
    kept = {"level", "state", "kind", "status"}
    changed = {}
    for item in dataclasses.fields(value):
        part = getattr(value, item.name)
        if isinstance(part, str) and item.name not in kept:
            part = HOSTILE + part
        elif isinstance(part, tuple) and part and isinstance(part[0], str):
            part = tuple(HOSTILE + words for words in part)
        changed[item.name] = _poison(part)
    return dataclasses.replace(value, **changed)


def test_hostile_words_are_only_words(report):
    text = render(_poison(report))
    page = Page(text)
    assert page.faults == []
    assert "<script" not in text
    assert "<img" not in text
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in Page(render(_bare(report))).tags}
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert HOSTILE + report.title in page.text
    assert "49" not in page.text.split(report.title)[0]


def _bare(report: StudyReport) -> StudyReport:
    """What ``_poison`` does to labels (certificate questions go unanswered), without the hostile words."""
    lines = tuple(dataclasses.replace(line, label="x " + line.label) for line in report.certificate)
    return dataclasses.replace(report, certificate=lines)


def test_every_withheld_value_of_the_page_is_explained(minimal):
    text = Page(render(minimal)).text
    reasons = (
        "rows",
        "joint",
        "risk",
        "comparison",
        "identifiers",
        "reidentification",
        "attacks",
        "federated",
        "sampler",
    )
    for reason in reasons:
        assert f"reason-{reason}" in text


SECTIONS_WITH_OPTIONS = [
    ("risk", "curve"), ("risk", "accuracy_from_curve"), ("risk", "accuracy_from_point"), ("risk", "tpr"),
    ("risk", "posterior"), ("federated", "bytes_per_round_per_site"), ("budget", "joint_epsilon"), ("dataset", "rows"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "field"), SECTIONS_WITH_OPTIONS)
def test_a_single_missing_value_is_explained_where_it_stood(full, section, field):
    part = dataclasses.replace(getattr(full, section), **{field: Withheld("because-of-this")})
    assert "because-of-this" in Page(render(dataclasses.replace(full, **{section: part}))).text


@pytest.mark.parametrize("field", ["rows", "k", "unique_share", "class_sizes", "dangerous"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_missing_measure_of_a_table_is_explained(full, when, field):
    view = full.reidentification
    table = dataclasses.replace(getattr(view, when), **{field: Withheld("because-of-this")})
    view = dataclasses.replace(view, **{when: table})
    assert "because-of-this" in Page(render(dataclasses.replace(full, reidentification=view))).text


@pytest.mark.parametrize("field", ["auc", "tpr", "epsilon_at_least", "ceiling"])
def test_a_missing_result_of_an_attack_is_explained(full, field):
    attack = dataclasses.replace(full.attacks[0], **{field: Withheld("because-of-this")})
    assert "because-of-this" in Page(render(dataclasses.replace(full, attacks=(attack,)))).text


@pytest.mark.parametrize("field", ["epsilon", "accuracy"])
def test_a_missing_figure_of_a_model_is_explained(full, field):
    models = tuple(dataclasses.replace(m, **{field: Withheld("because-of-this")}) for m in full.comparison.models)
    view = dataclasses.replace(full.comparison, models=models)
    assert Page(render(dataclasses.replace(full, comparison=view))).text.count("because-of-this") >= len(models)


def test_missing_intervals_are_explained(full):
    models = tuple(
        dataclasses.replace(m, accuracy=dataclasses.replace(m.accuracy, interval=Withheld("costs-budget")))
        for m in full.comparison.models
    )
    view = dataclasses.replace(full.comparison, models=models)
    assert "interval: Not shown: costs-budget" in Page(render(dataclasses.replace(full, comparison=view))).text


def test_no_none_and_no_nan_reaches_the_reader(report):
    text = Page(render(report)).text
    assert not re.search(r"\b(None|nan|inf|Withheld|undefined)\b", text)


def test_an_unanswered_question_of_the_certificate_tells_the_reader_to_ask(minimal):
    assert Page(render(minimal)).text.count("Not stated. Ask before signing.") == 12


def test_the_same_report_gives_the_same_page(report):
    again = decode_report(encode_report(report))
    assert render(report) == render(again)


def test_the_fingerprint_is_that_of_the_values_and_changes_with_them(full):
    changed = dataclasses.replace(full, title="Another")
    assert digest(encode_report(full)) in render(full)
    assert digest(encode_report(full)) not in render(changed)


def test_sections_come_in_the_order_of_the_reader(full):
    page = Page(render(full))
    ids = [attrs["id"] for tag, attrs in page.tags if tag == "h2"]
    assert ids == ["verdict", "data", "budget", "risk", "accuracy", "reidentification", "attacks", "federated",
                   "certificate", "limits", "appendix"]  # fmt: skip


def test_headings_never_skip_a_level(report):
    levels = [int(tag[1]) for tag, _ in Page(render(report)).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_every_figure_a_caption(full):
    tags = [tag for tag, _ in Page(render(full)).tags]
    assert tags.count("table") == tags.count("caption") > 5
    assert tags.count("figure") == tags.count("figcaption") > 5


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.sampled_from([0.0, 1e-9, 3.0, math.inf]),
    spent=st.sampled_from([0.0, 1e-300, 2.5, 1e9, math.inf]),
    bound=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_the_page_stands_at_every_extreme_and_infinite_loss_reads_no_guarantee(full, limit, spent, bound):
    budget = dataclasses.replace(full.budget, epsilon_limit=limit, epsilon_spent=spent, joint_epsilon=spent)
    risk = dataclasses.replace(full.risk, epsilon=spent, accuracy_from_curve=bound)
    page = Page(render(dataclasses.replace(full, budget=budget, risk=risk)))
    assert page.faults == []
    assert not re.search(r"\b(nan|inf)\b", page.text)
    assert not re.search(r"ε = no guarantee|of no guarantee|no guarantee (spent|left|of)", page.text)
    assert ("Problem found" in page.text) == (spent > limit)


def test_the_laboratory_label_stands_with_its_figure(full):
    text = Page(render(full)).text
    assert text.count("laboratory figure, not released, outside the guarantee") >= 3


def test_chinese_text_passes_unharmed(full):
    text = render(full)
    assert "兰德健康保险实验" in text
    assert "备注" in text
    assert '<html lang="en">' in text


def test_writing_replaces_the_old_page_as_a_whole(full, minimal, tmp_path):
    path = tmp_path / "report.html"
    write(minimal, path)
    assert write(full, path) == path
    assert path.read_text(encoding="utf-8") == render(full)
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_failed_write_leaves_the_old_page_and_no_litter(full, minimal, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    write(minimal, path)

    def refuse(*_):
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(InvalidParameter, match="no space"):
        write(full, path)
    assert path.read_text(encoding="utf-8") == render(minimal)
    assert os.listdir(tmp_path) == ["report.html"]


def _grounds() -> dict[str, dict[str, str]]:
    style = resources.files("privet.study.report").joinpath("style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    return {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for name, block in (("light", light), ("dark", dark))
    }


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_text_and_marks_reach_the_contrast_of_wcag_aa(ground):
    colours = _grounds()[ground]
    for behind in ("paper", "panel"):
        for ink in ("ink", "muted", "accent", "bound", "ok", "caution", "problem"):
            assert _contrast(colours[ink], colours[behind]) >= 4.5, (ink, behind)
        for mark in ("axis", "neutral"):
            assert _contrast(colours[mark], colours[behind]) >= 3.0, (mark, behind)


def test_both_grounds_define_the_same_colours_and_no_other_is_used():
    grounds = _grounds()
    assert grounds["light"].keys() == grounds["dark"].keys()
    style = resources.files("privet.study.report").joinpath("style.css").read_text(encoding="utf-8")
    used = set(re.findall(r"var\(--([\w-]+)\)", style)) - {"level"}
    assert used == set(grounds["light"])
