"""Finding identifiers in text: precision, recall and F1 per label, and speed beside Presidio's patterns in one run.

    python benchmarks/detection.py [--peer-python PATH] [--misses LABEL]

PRIVET_DATA says where the data sets are; without them there is speed alone.
"""

from __future__ import annotations

import argparse
import gzip
import inspect
import itertools
import json
import os
import re
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chinese_sentences
import spanish_cases
from chinese_sentences import LABELS as CHINESE_LABELS
from measuring import interleaved_seconds, keep, show
from peers import Peer
from privet.deidentify.detect import find_in_text
from privet.deidentify.recogniser import recognisers

DATA = Path(os.environ.get("PRIVET_DATA", Path(__file__).parents[2] / "shared" / "data"))
# What the sentences call our kinds; their two sources name some labels differently.
LABELS = {
    "credit_card": "CREDIT_CARD", "email": "EMAIL_ADDRESS", "iban": "IBAN_CODE", "ip_address": "IP_ADDRESS",
    "phone": "PHONE_NUMBER", "us_ssn": "US_SSN", "us_driver_licence": "US_DRIVER_LICENSE", "postcode": "ZIP_CODE",
    "url": "DOMAIN_NAME", "person_name": "PERSON", "place": "LOCATION", "organisation": "ORGANIZATION",
    "street_address": "ADDRESS", "nationality": "NRP", "age": "AGE",
    "title": "TITLE", "date": "DATE_TIME", "birth_date": "DATE_TIME",
}  # fmt: skip
ALIASES = {"GPE": "LOCATION", "STREET_ADDRESS": "ADDRESS", "PREFIX": "TITLE"}
SIX = ("CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "US_SSN")

FULL = (
    "Dear Sir, my card is 4111 1111 1111 1111 and mail a.b@example.com, please call +1 212 555 0100 or write to us any "
    "time soon. "
) * 9
PROSE = "the quick brown fox jumps over the lazy dog and runs away from here today. " * 14
CHINESE = (
    "王小明，身分證A123456789，電話0912-345-678，住台北市信義區市府路45號，生日民國75年3月2日，信箱a.b@example.org。"
    * 12
)

PRESIDIO_ENGINE = """
import logging, warnings
warnings.filterwarnings("ignore"); logging.disable(50)
try:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine
except ImportError:
    engine = None
else:
    nlp = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "no_op"}]); nlp.load()
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=nlp)
    engine = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])
"""
PRESIDIO = f"""{PRESIDIO_ENGINE}
if engine is not None:
    works["Presidio, full of identifiers"] = lambda: engine.analyze({FULL!r}, language="en")
    works["Presidio, prose"] = lambda: engine.analyze({PROSE!r}, language="en")
"""
# Its findings below this score are noise, by its own documentation's example and the figures quoted of it.
PRESIDIO_SCORE = 0.35
PRESIDIO_SPANS = f"""{PRESIDIO_ENGINE}
import json, sys
texts = json.load(sys.stdin)
print(json.dumps(None if engine is None else [
    [[found.entity_type, found.start, found.end]
     for found in engine.analyze(text, language="en", score_threshold={PRESIDIO_SCORE})] for text in texts]))
"""

Span = tuple[str, int, int]


def template(row: dict[str, Any]) -> str:
    """The words around the spans: both sources were made from much the same sentences, under other numbers."""
    text = row["text"]
    for span in sorted(row["spans"], key=lambda span: -span["start"]):
        text = f"{text[: span['start']]} {text[span['end'] :]}"
    return " ".join(re.findall("[a-z]+", text.lower()))[:60]


def tuned_on(row: dict[str, Any]) -> bool:
    """Whether a sentence was at hand when the rules for names were written: half of the templates of each source."""
    return zlib.crc32(f"{row['source']}/{row['template_id']}".encode()) % 2 == 0


def sentences(*, held_out: bool) -> Iterator[tuple[str, list[Span]]]:
    """All sentences, or those whose template is in no sentence that the rules for names were tuned on."""
    path = DATA / "pii_presidio_synth" / "pii_presidio_synth.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    seen = {template(row) for row in rows if tuned_on(row)}
    for row in rows:
        if not (held_out and template(row) in seen):
            yield row["text"], [(ALIASES.get(s["label"], s["label"]), s["start"], s["end"]) for s in row["spans"]]


def same(one: Span, other: Span) -> bool:
    """Of one label, and sharing half of the longer: how the figures of the peer were counted."""
    shared = min(one[2], other[2]) - max(one[1], other[1])
    return one[0] == other[0] and shared >= 0.5 * max(one[2] - one[1], other[2] - other[1])


def quality(misses: str | None, *, held_out: bool) -> dict[str, dict[str, float]]:
    texts = [
        (text, gold, [(LABELS[f.kind], f.start, f.end) for f in find_in_text(text) if f.kind in LABELS])
        for text, gold in sentences(held_out=held_out)
    ]
    return counted(texts, misses, together={"the first six together": SIX})


def quality_of_presidio(peer_python: str) -> dict[str, dict[str, float]]:
    """What Presidio's patterns find of the six kinds in the same sentences, counted by the same rule."""
    rows = list(sentences(held_out=False))
    asked = json.dumps([text for text, _ in rows])
    done = subprocess.run([peer_python, "-c", PRESIDIO_SPANS], input=asked, capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout.splitlines()[-1])
    if answers is None:
        return {}
    texts = [
        (text, [span for span in gold if span[0] in SIX], [tuple(span) for span in found if span[0] in SIX])
        for (text, gold), found in zip(rows, answers, strict=True)
    ]
    return counted(texts, None, together={"the first six together": SIX})


def chinese(misses: str | None) -> dict[str, dict[str, float]]:
    texts = [
        (text, gold, [(CHINESE_LABELS[f.kind], f.start, f.end) for f in find_in_text(text) if f.kind in CHINESE_LABELS])
        for text, gold in chinese_sentences.sentences(chinese_sentences.HELD_OUT, times=40, data=DATA)
    ]
    return counted(texts, misses, together={})


def counted(
    texts: list[tuple[str, list[Span], list[Span]]], misses: str | None, *, together: dict[str, tuple[str, ...]]
) -> dict[str, dict[str, float]]:
    """Scores per label of what was found beside what is there."""
    hit, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for text, gold, found in texts:
        for span in gold:
            known = any(same(span, other) for other in found)
            (hit if known else missed)[span[0]] += 1
            if not known and span[0] == misses:
                print("  missed:", repr(text[max(0, span[1] - 30) : span[1]]), repr(text[span[1] : span[2]]))
        # A house number of an address is a postcode to some sentences and part of an address to others.
        for span in found:
            if not any(same(span, other) for other in gold) and not (
                span[0] == "ZIP_CODE" and any(same(("ADDRESS", *span[1:]), other) for other in gold)
            ):
                wrong[span[0]] += 1
                if span[0] == misses:
                    print("  wrong:", repr(text[max(0, span[1] - 30) : span[1]]), repr(text[span[1] : span[2]]))
    scores = {label: _scores(hit[label], missed[label], wrong[label]) for label in sorted(set(hit) | set(missed))}
    for name, labels in together.items():
        scores[name] = _scores(*(sum(part[label] for label in labels) for part in (hit, missed, wrong)))
    return scores


def _scores(hit: int, missed: int, wrong: int) -> dict[str, float]:
    return {
        "spans": hit + missed,
        "precision": hit / (hit + wrong) if hit + wrong else 0.0,
        "recall": hit / (hit + missed),
        "F1": 2 * hit / (2 * hit + missed + wrong),
    }


def show_quality(misses: str | None, *, held_out: bool) -> dict[str, dict[str, float]]:
    scores = quality(misses, held_out=held_out)
    order = [*SIX, *sorted(set(scores) - set(SIX))]
    which = "those of templates that rules were not tuned on" if held_out else "all"
    show(f"Presidio's synthetic sentences, {which}, by label (half the span counts)",
         columns=["label", "spans", "precision", "recall", "F1"],
         rows=[[label, *scores[label].values()] for label in order if label in scores])  # fmt: skip
    return scores


def show_presidio(peer_python: str | None) -> dict[str, dict[str, float]]:
    scores = quality_of_presidio(peer_python) if peer_python else {}
    if scores:
        show("The same sentences by Presidio's patterns", columns=["label", "spans", "precision", "recall", "F1"],
             rows=[[label, *figures.values()] for label, figures in scores.items()])  # fmt: skip
    return scores


def show_chinese(misses: str | None) -> dict[str, dict[str, float]]:
    try:
        scores = chinese(misses)
    except ImportError:
        print("\n  Chinese sentences need Faker; pip install privet[deidentify]")
        return {}
    show("Chinese sentences with Faker's people and the corpus' surnames, sentences held out",
         columns=["label", "spans", "precision", "recall", "F1"],
         rows=[[label, *figures.values()] for label, figures in scores.items()])  # fmt: skip
    return scores


def show_spanish() -> dict[str, float]:
    scores = spanish_cases.streets(DATA)
    show("Streets in Spanish clinical cases, those held out", columns=list(scores), rows=[[*scores.values()]])
    return scores


def false_hits() -> dict[str, int]:
    text = gzip.decompress((DATA / "shakespeare" / "tinyshakespeare.txt.gz").read_bytes()).decode()
    checked = {item.name for item in recognisers() if item.validate is not None and "capital" not in item.anchors}
    found = Counter(finding.kind for finding in find_in_text(text))
    hits = sum(count for kind, count in found.items() if kind in checked)
    print(f"\n  {len(text):,} characters of Shakespeare: {hits} findings of kinds with a checksum")
    return dict(found)


def spent(work: Callable[[], object], *, times: int) -> Callable[[], float]:
    """CPU seconds of one of so many runs."""

    def seconds() -> float:
        begun = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - begun) / times

    return seconds


def speed(peer_python: str | None) -> dict[str, float]:
    texts = {"full of identifiers": FULL, "prose": PROSE, "Chinese, full of identifiers": CHINESE}
    if DATA.exists():
        texts["sentences full of names"] = "\n".join(
            text for text, _ in itertools.islice(sentences(held_out=False), 80)
        )
    works = {f"Privet, {name}": spent(lambda text=text: find_in_text(text), times=100) for name, text in texts.items()}
    with Peer(peer_python, PRESIDIO) as peer:
        works |= {name: (lambda name=name: peer.seconds(name, times=3)) for name in peer.works}
        seconds = interleaved_seconds(works, rounds=5)
    sizes = {name: len(texts[name.partition(", ")[2]].encode()) / 1e6 for name in works}
    rates = {name: sizes[name] / seconds[name] for name in works}
    show("Megabytes a second of one core's time (median of 5)", columns=["what", "MB/s"],
         rows=[[name, rate] for name, rate in rates.items()])  # fmt: skip
    for name in ("full of identifiers", "prose"):
        if f"Presidio, {name}" in rates:
            print(f"  {rates[f'Privet, {name}'] / rates[f'Presidio, {name}']:.0f} times Presidio on text: {name}")
    return rates


def startup() -> float:
    """CPU seconds from nothing to the first finding, in a Python of its own."""
    code = "from privet.deidentify.detect import find_in_text; find_in_text('card 4111 1111 1111 1111')"
    begun = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    ended = os.times()
    return ended.children_user + ended.children_system - begun.children_user - begun.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__ or ""))
    parser.add_argument("--peer-python", help="Python of an environment with presidio-analyzer")
    parser.add_argument("--misses", help="print what is missed and wrongly found of one label")
    options = parser.parse_args()
    body: dict[str, object] = {"megabytes_per_second": speed(options.peer_python)}
    body["startup_seconds"] = sorted(startup() for _ in range(5))[2]
    print(f"  {body['startup_seconds']:.2f} s of CPU from nothing to the first finding ({len(recognisers())} kinds)")
    if DATA.exists():
        body |= {
            "quality": show_quality(options.misses, held_out=False),
            "quality_of_presidio": show_presidio(options.peer_python),
            "quality_held_out": show_quality(None, held_out=True),
            "spanish_streets": show_spanish(),
            "shakespeare": false_hits(),
        }
    body["chinese"] = show_chinese(options.misses)
    keep("detection", body, packages=[])


if __name__ == "__main__":
    main()
