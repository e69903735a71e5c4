"""A file is there whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from privet.core import durable
from privet.core.durable import whole_file, write_bytes_whole, write_whole
from privet.core.errors import InvalidParameter


@pytest.fixture(params=["nameless", "named"])
def any_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With files without a name, and as where there are none."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return str(request.param)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_written_is_there_with_its_mode(any_system: str, tmp_path: Path) -> None:
    assert write_whole(tmp_path / "a", "text") == tmp_path / "a"
    write_bytes_whole(tmp_path / "b", b"\x00", mode=0o600)
    assert (tmp_path / "a").read_text() == "text"
    assert (mode(tmp_path / "a"), mode(tmp_path / "b")) == (0o644, 0o600)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_an_error_the_old_file_stands_and_nothing_else(
    any_system: str, tmp_path: Path, error: type[BaseException]
) -> None:
    write_whole(tmp_path / "a", "old")
    with pytest.raises(error), whole_file(tmp_path / "a") as stream:
        stream.write(bytes(100_000))
        raise error
    assert (tmp_path / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_the_file_has_no_name_before_it_is_whole(any_system: str, tmp_path: Path) -> None:
    with whole_file(tmp_path / "a") as stream:
        stream.write(bytes(100_000))
        stream.flush()
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").stat().st_size == 100_000


def test_where_it_cannot_be_written_the_error_says_so(any_system: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="No such file"):
        write_whole(tmp_path / "none" / "a", "")
    with pytest.raises(InvalidParameter, match="not a file"):
        write_whole(tmp_path, "")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidParameter, match="not a file"):
        write_whole(tmp_path / "pipe", "")
    with pytest.raises(InvalidParameter, match="No space left"), whole_file(tmp_path / "a"):
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_kill_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    if durable._temporary(tmp_path / "probe")[1]:
        pytest.skip("this file system has no files without a name")
    code = (
        "import sys, time; from privet.core.durable import whole_file\n"
        "with whole_file(sys.argv[1]) as stream:\n"
        "    stream.write(bytes(1 << 20)); stream.flush(); print('written', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    assert os.listdir(tmp_path) == []


def test_without_replacing_a_file_that_is_there_stays(any_system: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    with pytest.raises(InvalidParameter, match="not overwritten"), whole_file(tmp_path / "f", replace=False):
        raise AssertionError("it must not come so far")
    with (
        pytest.raises(InvalidParameter, match="not overwritten"),
        whole_file(tmp_path / "g", replace=False) as stream,
    ):
        stream.write(b"late")
        (tmp_path / "g").write_text("first")
    assert (tmp_path / "g").read_text() == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "g"]
