"""A text read piece by piece gives what the whole text gives."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.deidentify import text_files
from privet.deidentify.detect import find_in_text
from privet.deidentify.text_files import Located, find_in_stream
from tests.deidentify.test_recognisers import FOUND, marked

PIECES = [marked(text)[0] for _, text in FOUND]


def offsets(text: str, found: list[Located]) -> list[tuple[str, int, int, float]]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return [
        (item.kind, starts[item.line - 1] + item.start - 1, starts[item.line - 1] + item.end - 1, item.score)
        for item in found
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=12),
    st.sampled_from(["\n", " ", "，", "\r\n", " and so on\n\n"]),
    st.integers(40, 400),
)
def test_pieces_give_what_the_whole_gives(pieces: list[str], between: str, size: int) -> None:
    text = between.join(pieces * 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "PIECE", size)
        patch.setattr(text_files, "MARGIN", 200)
        found = list(find_in_stream(io.StringIO(text, newline="")))
    assert offsets(text, found) == [(f.kind, f.start, f.end, f.score) for f in find_in_text(text)]
    assert all(
        text[start:end] == item.text for item, (_, start, end, _) in zip(found, offsets(text, found), strict=True)
    )


def test_lines_and_places_count_from_one() -> None:
    found = list(find_in_stream(io.StringIO("a.b@example.org\n\n身分證A123456789")))
    assert [(item.kind, item.line, item.start, item.end) for item in found] == [
        ("email", 1, 1, 16), ("taiwan_id", 3, 4, 14)
    ]  # fmt: skip


class Endless(io.TextIOBase):
    """A text that is made as it is read, and that remembers how much was asked for at once."""

    def __init__(self, lines: int) -> None:
        self.left, self.most = lines, 0

    def read(self, size: int | None = -1) -> str:
        self.most = max(self.most, size or 0)
        assert size is not None
        count = min(self.left, max(1, size // 50))
        self.left -= count
        return ("nothing to be seen here, a.b@example.org, go on\n" * count)[: size if size > 0 else None]


def test_a_long_text_is_read_in_pieces() -> None:
    text = Endless(40_000)
    last = None
    count = 0
    for found in find_in_stream(text):
        last, count = found, count + 1
    assert count == 40_000
    assert last is not None
    assert last.line == 40_000
    assert text.most == text_files.PIECE


@pytest.mark.parametrize("text", ["x" * 1_300_000, "1" * 1_300_000 + " a.b@example.org"])
def test_a_text_without_an_end_of_a_word_is_cut_anywhere(text: str) -> None:
    assert len(list(find_in_stream(io.StringIO(text)))) == text.count("@")


def test_neither_the_finding_nor_its_json_shows_the_text_unasked() -> None:
    (found,) = find_in_stream(io.StringIO("a.b@example.org"))
    assert "example" not in repr(found) + str(found.to_json())
    assert found.to_json(show=True)["text"] == "a.b@example.org"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="not a kind"):
        list(find_in_stream(io.StringIO(""), kinds=("shoe_size",)))
