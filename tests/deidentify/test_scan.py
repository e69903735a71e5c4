"""The one pass against the plain way: every recogniser's pattern at every place, then the same choice."""

from __future__ import annotations

import functools
import gzip
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privet.deidentify.anchors import places
from privet.deidentify.capitals import Capitals
from privet.deidentify.detect import find_in_text
from privet.deidentify.finding import Finding, checked
from privet.deidentify.hints import AFTER, BEFORE, Hints, Near, lowered
from privet.deidentify.recogniser import compiled, recognisers
from privet.deidentify.scan import CONTEXT, SURE, chosen, narrow, scanner, shape
from tests.deidentify.test_recognisers import FOUND, NOT_FOUND, marked

DATA = Path(os.environ.get("PRIVET_DATA", Path(__file__).parents[3] / "shared" / "data"))
# Ways that only the words around can tell; their kinds are held to the tables of examples.
NAMED = {"capital", "han_name", "han_place", "han_ending", "han_house"}
HINTS = [
    "Phone",
    "telephone",
    "phones",
    "SSN",
    "date of birth",
    "birth",
    "ip",
    "電話",
    "出生日期",
    "İ",
    "NHS",
    "number",
    "it's",
    "l'",
    "driver's license number",
    "call",
    "-",
    "12",
    "生日",
]
PIECES = [marked(text)[0] for _, text in FOUND] + [text for _, text in NOT_FOUND]


@functools.cache
def hint_pattern(hint: str) -> re.Pattern[str]:
    """A word that no letter goes on, or Chinese characters anywhere."""
    if any(character > "ÿ" for character in hint):
        return re.compile(hint)
    words = hint.split("_")
    plural = "s?" if len(words) == 1 else ""
    return re.compile(rf"(?<![a-zà-öø-ÿ]){'[^a-zà-öø-ÿ]+'.join(words)}{plural}(?![a-zà-öø-ÿ]|'[a-z])")


def spoken_beside(items: list, text: str, start: int, end: int) -> set[str]:
    """Every hint of every kind by itself, within its distance."""
    low, kinds = lowered(text), set()
    for item in items:
        for hint in item.hints:
            for match in hint_pattern(hint).finditer(low, max(0, start - BEFORE - 1)):
                inside = start - BEFORE <= match.start() and match.end() <= end + AFTER
                if inside and (match.end() <= start or match.start() >= end):
                    kinds.add(item.name)
    return kinds


def slowly(text: str) -> tuple[Finding, ...]:
    """No anchors, no panels: every place where no ASCII letter or digit stands before, every pattern by itself."""
    plain = narrow(text)
    items = [item for item in recognisers() if item.in_text and not NAMED.intersection(item.anchors)]
    found: list[Finding] = []
    covered = 0
    starts = [
        place for place in range(len(plain)) if not re.match("[A-Za-z0-9]", plain[max(0, place - 1)]) or not place
    ]
    for start in starts:
        if start < covered:
            continue
        here = []
        for item in items:
            pattern = item.alone if item.needs_context else item.pattern
            match = compiled(pattern).match(plain, start) if pattern else None
            finding = checked(item, plain, start, match.end()) if match else None
            if finding:
                here.append((item, finding))
        if any(finding.score >= SURE for _, finding in here):
            covered = max(finding.end for _, finding in here if finding.score >= SURE)
            found += [finding for _, finding in here]
            continue
        near = spoken_beside(items, plain, start, max([start, *(finding.end for _, finding in here)]))
        for item in items:
            if item.needs_context and item.name in near and item.name not in {known.name for known, _ in here}:
                match = compiled(item.pattern).match(plain, start)
                finding = checked(item, plain, start, match.end()) if match else None
                here += [(item, finding)] if finding else []
        for item, finding in here:
            score = min(1.0, round(finding.score + CONTEXT, 2)) if item.name in near else finding.score
            found.append(finding._replace(score=score))
            covered = max(covered, finding.end if score >= SURE else 0)
    return chosen_slowly(found)


def chosen_slowly(found: list[Finding]) -> tuple[Finding, ...]:
    """From the surest on, each that overlaps none of those before it."""
    kept: list[Finding] = []
    for finding in sorted(
        sorted(found, key=lambda it: it.start), key=lambda it: (-it.score, it.start - it.end, it.start)
    ):
        if all(finding.end <= other.start or finding.start >= other.end for other in kept):
            kept.append(finding)
    return tuple(sorted(kept, key=lambda finding: finding.start))


plain_kinds = frozenset(item.name for item in recognisers() if not NAMED.intersection(item.anchors))


def quickly(text: str) -> tuple[Finding, ...]:
    return scanner(plain_kinds).find(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), st.sampled_from([" ", "\n", "，", "; ", ""]))
def test_one_pass_finds_what_the_plain_way_finds(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    assert quickly(text) == slowly(text)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="019+-. ()@:/AaBbZzXx號Ａ１", max_size=60))
def test_one_pass_finds_what_the_plain_way_finds_in_noise(text: str) -> None:
    assert quickly(text) == slowly(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4))
def test_full_width_text_gives_the_same_places(pieces: list[str]) -> None:
    text = " ".join(pieces)
    digits = str.maketrans({chr(code): chr(code + 0xFEE0) for code in [*range(48, 58), *range(65, 91)]})
    assert find_in_text(text.translate(digits)) == find_in_text(text)


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000 + "1", "1" * 200_000, "a1" * 50_000, "A" * 100_000, "a@" * 50_000, "1 " * 50_000, ":" * 50_000,
     "王" * 50_000, "台北" * 10_000, "公司" * 10_000, "1號" * 10_000, ("市" * 46 + "1號") * 500,
     ("市區路巷" * 12 + "1號") * 500, "Aa " * 10_000, "Mr. " * 10_000, "as A b c d " * 5_000, "Aa-" * 10_000,
     "\nAa" * 10_000, "2014-" * 10_000, "1 St. " * 20_000, "Unit 5 Box " * 10_000, "Calle Aaa " * 10_000,
     "1 A " * 20_000, "Calle " + "a" * 100_000, "Rue de la la " * 10_000, "1 Aaa Street, Bbb, " * 5_000,
     "\n> > > 1 Aa 1" * 8_000,
     "4111 1111 1111 1111 " * 5_000, "11 " * 50_000, "Aa, " * 10_000, "Aa\n" * 10_000, "lives in Aa " * 5_000,
     "+1 " * 20_000, "1-" * 50_000, "1." * 50_000, "w." * 50_000, "(0" * 30_000, "a.b" * 40_000 + "@"],
    ids=lambda text: repr(text[:6]),
)  # fmt: skip
def test_no_text_makes_the_pass_slower_than_its_length(text: str) -> None:
    """Twice the text takes twice the time; the square of 100,000 would take minutes."""
    begun = time.process_time()
    find_in_text(text)
    assert time.process_time() - begun < 10


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(HINTS), st.sampled_from([" ", " ", "", "\n"])), min_size=1, max_size=20),
    st.integers(0, 200),
    st.integers(0, 30),
)
def test_words_beside_a_place_are_those_that_the_plain_way_finds(
    words: list[tuple[str, str]], start: int, size: int
) -> None:
    text = "".join(word + between for word, between in words)
    items = [item for item in recognisers() if item.in_text]
    near = Near(Hints(tuple(items)), text)
    for place in (start, start + 7, start + 50):
        assert near.beside(place, place + size) == spoken_beside(items, text, place, place + size)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 8), st.sampled_from([0.5, 0.6, 0.9, 0.95])),
        min_size=1,
        max_size=12,
    )
)
def test_those_that_stay_are_the_surest_then_the_longest_then_the_first(spans: list[tuple[int, int, float]]) -> None:
    found = [Finding(f"kind {place}", start, start + size, score) for place, (start, size, score) in enumerate(spans)]
    assert chosen(found) == chosen_slowly(found)


RUNS = [item for item in recognisers() if item.in_text and item.begins]


@pytest.mark.parametrize("item", RUNS, ids=lambda item: item.name)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_a_kinds_pattern_fits_begins_as_the_kind_says(item, data: st.DataObject) -> None:
    made = data.draw(st.from_regex(compiled(item.pattern), fullmatch=True)) + data.draw(
        st.sampled_from(["", " ", "。", ", a"])
    )
    if compiled(item.pattern).match(made):
        named = "capital" in item.anchors and any(way == "capital" and start == 0 for start, way, _ in places(made))
        for start, _, run in places(made):
            if start == 0 and run and not named:
                assert re.match(item.begins, shape(made, 0, run).decode())


WORDS = [
    "Mary", "John Smith", "O'Brien", "McDonald", "Jean-Luc", "J.", "Paris", "New York", "NEW YORK", "Bank", "Acme",
    "Acme Inc", "Trust plc", "A/S", "Monday", "May", "Mr.", "Dr", "Teacher", "Taiwanese", "Canadians", "van der Berg",
    "de la Cruz", "Éa", "in", "lives in", "to", "as a", "as the", "the", "works for", "of", "and", "&", "joined", "is",
    "was born", "said", "wife", "'s", "n't", ",", ", ", ".", "-", "\n", "\n\n> ", "Apt 12\n", "12", "5", "Dear", "I'm",
    "name is", "ex-", "ex-Soldier", "employs", "shares", ", please", "Calle", "C/", "Rue de la", "Hauptstrasse", "s/n",
    "Baker Street", "Road", "utca", "u.", "St.", "12 High", "nº 5", "Suite 5", "address:", "5 B",
    "(", "*", "? ", "Company:", "\t", "é", "王",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", " ", " ", "", "\n"])), min_size=1, max_size=10))
def test_no_name_is_lost_by_what_the_words_around_tell(words: list[tuple[str, str]]) -> None:
    text = "".join(word + between for word, between in words)
    named = [item for item in recognisers() if "capital" in item.anchors]
    # A digit right behind a word has it met twice.
    starts = list(dict.fromkeys(start for start, way, _ in places(text) if way == "capital"))
    plainly = {
        start: [found for item in named
                if (match := compiled(item.pattern).match(text, start))
                and (found := checked(item, text, start, match.end()))]
        for start in starts
    }  # fmt: skip
    found = Capitals(tuple(named)).found(text, starts)
    assert {start: found.get(start, []) for start in starts} == plainly


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(PIECES), st.integers(900, 1200), st.integers(0, 3000))
def test_parts_without_anchors_are_passed_over_and_nothing_else(piece: str, before: int, after: int) -> None:
    dull = f"{'a ' * before}{piece}{' a' * after}"
    moved = 2 * before - 100
    short = [(kind, start + moved, end + moved, score) for kind, start, end, score in find_in_text(dull[moved:][:4000])]
    assert short == [tuple(found) for found in find_in_text(dull)]


def test_places_are_the_ways_that_identifiers_begin() -> None:
    assert places("x@y.z 京A12 GB82 fe80::1 www.a.b") == [
        (0, "mail", 0), (6, "han", 0), (7, "letter", 1), (11, "letter", 2), (16, "letter", 2), (16, "hex", 0),
        (22, "digit", 1), (24, "scheme", 0),
    ]  # fmt: skip


def test_groups_of_digits_are_found_where_the_first_of_them_begins_nothing() -> None:
    text = "in 2021 4111 1111 1111 1111 23 192.168.7.44"
    assert [(found.kind, found.start) for found in find_in_text(text)] == [
        ("date", 3), ("credit_card", 8), ("ip_address", 31),
    ]  # fmt: skip


def test_only_the_wanted_kinds_are_found() -> None:
    text = "a.b@example.org, 192.168.7.44"
    assert [found.kind for found in find_in_text(text, kinds=("email",))] == ["email"]
    assert len(find_in_text(text)) == 2


def test_nothing_is_fetched_from_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("detection opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for piece in PIECES:
        find_in_text(piece)


def test_it_starts_without_loading_tables_or_models() -> None:
    code = (
        "import sys; from privet.deidentify.detect import find_in_text; find_in_text('call 1 a@b.org');"
        "heavy = ('numpy', 'pandas', 'spacy', 'presidio_analyzer', 'urllib.request');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SURE_KINDS = frozenset(
    item.name for item in recognisers() if item.validate is not None and not NAMED.intersection(item.anchors)
)


def test_shakespeare_holds_no_identifier_with_a_checksum() -> None:
    path = DATA / "shakespeare" / "tinyshakespeare.txt.gz"
    if not path.exists():
        pytest.skip("the text is not here; PRIVET_DATA says where the data sets are")
    text = gzip.decompress(path.read_bytes()).decode()
    assert len(text) > 1_000_000
    assert not [found for found in find_in_text(text) if found.kind in SURE_KINDS]


def test_six_kinds_of_presidios_sentences_are_found_with_the_promised_precision_and_recall() -> None:
    path = DATA / "pii_presidio_synth" / "pii_presidio_synth.jsonl.gz"
    if not path.exists():
        pytest.skip("the sentences are not here; PRIVET_DATA says where the data sets are")
    labels = {"credit_card": "CREDIT_CARD", "email": "EMAIL_ADDRESS", "iban": "IBAN_CODE", "ip_address": "IP_ADDRESS",
              "phone": "PHONE_NUMBER", "us_ssn": "US_SSN"}  # fmt: skip
    hits = wanted = given_out = 0
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        row = json.loads(line)
        gold = {(s["label"], s["start"], s["end"]) for s in row["spans"] if s["label"] in labels.values()}
        found = {(labels[f.kind], f.start, f.end) for f in find_in_text(row["text"]) if f.kind in labels}
        hits, wanted, given_out = hits + len(gold & found), wanted + len(gold), given_out + len(found)
    assert wanted > 400
    assert hits / given_out >= 0.97
    assert hits / wanted >= 0.95


def test_streets_of_spanish_clinical_cases_are_found_and_little_else() -> None:
    path = DATA / "pii_meddocan_es" / "meddocan.jsonl.gz"
    if not path.exists():
        pytest.skip("the cases are not here; PRIVET_DATA says where the data sets are")
    wanted = hits = findings = wrong = 0
    for line in gzip.decompress(path.read_bytes()).decode().splitlines()[-200:]:
        case = json.loads(line)
        found = [(f.start, f.end) for f in find_in_text(case["text"]) if f.kind == "street_address"]
        streets = [(s["start"], s["end"]) for s in case["spans"] if s["label"] == "CALLE"]
        wanted, findings = wanted + len(streets), findings + len(found)
        hits += sum(any(start < e and s < end for s, e in found) for start, end in streets)
        wrong += sum(not any(s["start"] < end and start < s["end"] for s in case["spans"]) for start, end in found)
    assert wanted > 300
    assert hits / wanted > 0.7
    assert wrong / findings < 0.02
