"""Recognisers of other libraries join ours by the same rule, and are imported only when asked for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from privet.core.errors import InvalidParameter, MissingDependency
from privet.deidentify.adapters.presidio import PresidioFinder
from privet.deidentify.adapters.spacy import SpacyFinder
from privet.deidentify.detect import find_in_text
from privet.deidentify.finding import Finding

TEXT = "xiomara quill paid with 4111 1111 1111 1111 in Paris"


@dataclass
class Fixed:
    found: list[Finding]

    def find(self, text: str) -> list[Finding]:
        return self.found


def test_the_surer_of_two_that_overlap_stays_whoever_found_it() -> None:
    card, place = (24, 43), (47, 52)
    others = Fixed([Finding("person_name", 0, 13, 0.85), Finding("phone", 24, 38, 0.7), Finding("place", *place, 0.9)])
    assert find_in_text(TEXT, beside=[others]) == (
        Finding("person_name", 0, 13, 0.85),
        Finding("credit_card", *card, 0.9),
        Finding("place", *place, 0.9),
    )
    surer = Fixed([Finding("case_number", 20, 43, 0.99)])
    assert find_in_text(TEXT, beside=[surer])[0].kind == "case_number"


def test_kinds_choose_among_ours_only() -> None:
    others = Fixed([Finding("person_name", 0, 13, 0.85)])
    assert [found.kind for found in find_in_text(TEXT, kinds=("email",), beside=[others])] == ["person_name"]


def test_nothing_of_them_is_imported_unasked() -> None:
    code = (
        "import sys; import privet.deidentify.adapters.presidio, privet.deidentify.adapters.spacy;"
        "print([name for name in ('spacy', 'presidio_analyzer') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("load", [lambda: PresidioFinder.load(), lambda: SpacyFinder.load("en")])
def test_what_is_not_installed_is_told(load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(MissingDependency, match=r"privet\[presidio\]"):
        load()


# Their imports warn of what they are about to give up themselves.
@pytest.mark.filterwarnings("ignore")
def test_entities_of_a_spacy_pipeline_are_taken() -> None:
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "xiomara quill"}, {"label": "CARDINAL", "pattern": "4111"}])
    found = find_in_text(TEXT, beside=[SpacyFinder(pipeline)])
    assert [(item.kind, TEXT[item.start : item.end]) for item in found] == [
        ("person_name", "xiomara quill"), ("credit_card", "4111 1111 1111 1111"), ("place", "Paris")
    ]  # fmt: skip
    with pytest.raises(InvalidParameter, match="no spaCy model"):
        SpacyFinder.load("no_such_model")


@pytest.mark.filterwarnings("ignore")
def test_results_of_presidio_are_taken_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    presidio = pytest.importorskip("presidio_analyzer")
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    nlp = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "no_op"}])
    nlp.load()
    registry = presidio.RecognizerRegistry(supported_languages=["en"])
    badge = presidio.Pattern(name="badge", regex=r"badge \d{4}", score=0.95)
    registry.add_recognizer(presidio.PatternRecognizer(supported_entity="STAFF_BADGE", patterns=[badge]))
    registry.add_recognizer(presidio.PatternRecognizer(supported_entity="PERSON", deny_list=["xiomara quill"]))
    registry.add_recognizer(presidio.predefined_recognizers.EmailRecognizer())
    engine = presidio.AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    text = f"{TEXT}, badge 1234, a.b@example.org"
    found = find_in_text(text, beside=[PresidioFinder(engine)])
    assert [(item.kind, text[item.start : item.end]) for item in found] == [
        ("person_name", "xiomara quill"), ("credit_card", "4111 1111 1111 1111"), ("place", "Paris"),
        ("staff_badge", "badge 1234"), ("email", "a.b@example.org"),
    ]  # fmt: skip
