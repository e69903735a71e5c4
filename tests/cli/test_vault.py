"""``privet vault`` as people and scripts meet it."""

from __future__ import annotations

import os
import pty
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from privet.cli import main

from ..vault.streams import age_program

PHRASE = "correct horse battery staple"


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def privet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phrase").write_text(PHRASE + "\n")
    (tmp_path / "phrase").chmod(0o600)
    (tmp_path / "plain.csv").write_text("id,age\nA123456789,41\n")

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["privet", "vault", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main.run()
        out, err = capsys.readouterr()
        return Result(int(caught.value.code or 0), out, err)

    return call


def secret_of(path: str) -> str:
    return Path(path).read_text().splitlines()[-1]


def test_a_file_goes_in_by_a_recipient_and_out_by_the_key(privet) -> None:
    made = privet("keygen", "--out", "key")
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith("age1")
    assert secret_of("key").startswith("AGE-SECRET-KEY-1")
    assert privet("encrypt", "plain.csv", "--out", "sealed", "--to", made.out.strip()).code == 0
    assert privet("decrypt", "sealed", "--out", "back.csv", "--key", "key").code == 0
    assert Path("back.csv").read_text() == Path("plain.csv").read_text()
    assert stat.S_IMODE(os.stat("back.csv").st_mode) == 0o600
    assert b"A123456789" not in Path("sealed").read_bytes()


@pytest.mark.parametrize("form", ["age", "age-armor"])
def test_what_it_encrypts_for_age_opens_in_age(privet, form: str) -> None:
    recipient = privet("keygen", "--out", "key").out.strip()
    assert privet("encrypt", "plain.csv", "--out", "sealed", "--to", recipient, "--format", form).code == 0
    assert age_program("-d", "-i", "key", "sealed").stdout == Path("plain.csv").read_bytes()


def test_a_passphrase_comes_from_a_file_or_a_descriptor(privet) -> None:
    assert privet("encrypt", "plain.csv", "--out", "sealed", "--passphrase-file", "phrase").code == 0
    descriptor = os.open("phrase", os.O_RDONLY)
    assert privet("decrypt", "sealed", "--out", "back", "--passphrase-fd", descriptor).code == 0
    assert Path("back").read_text() == Path("plain.csv").read_text()
    Path("phrase").chmod(0o644)
    refused = privet("decrypt", "sealed", "--out", "none", "--passphrase-file", "phrase")
    assert refused.code == 2
    assert "chmod 600" in refused.err


def test_a_ring_holds_keys_that_get_successors(privet) -> None:
    with_ring = ("--ring", "ring", "--passphrase-file", "phrase")
    first = privet("keygen", "--name", "alice", *with_ring).out.strip()
    assert first.startswith("age1")
    assert privet("keygen", "--name", "alice", *with_ring).code == 2
    assert privet("encrypt", "plain.csv", "--out", "one", "--to", first).code == 0
    assert privet("encrypt", "plain.csv", "--out", "two", "--to", first, "--format", "age").code == 0
    body = Path("one").read_bytes()[-30:]
    second = privet("rotate", "one", "two", "--name", "alice", *with_ring).out.strip()
    assert second.startswith("age1")
    assert second != first
    assert Path("one").read_bytes()[-30:] == body
    for name in ("one", "two"):
        assert privet("decrypt", name, "--out", "back", *with_ring).code == 0
        assert Path("back").read_text() == Path("plain.csv").read_text()
    assert privet("rotate", "one", "--name", "bob", *with_ring).code == 2


def test_files_are_passed_on_to_other_keys_and_how_far_it_went_is_told(privet) -> None:
    old, new = (privet("keygen", "--out", name).out.strip() for name in ("old", "new"))
    for name in ("one", "two"):
        assert privet("encrypt", "plain.csv", "--out", name, "--to", old).code == 0
    assert privet("rotate", "one", "--key", "old", "--to", new).code == 0
    assert privet("decrypt", "one", "--out", "back", "--key", "new").code == 0
    assert privet("decrypt", "one", "--out", "none", "--key", "old").code == 2
    failed = privet("rotate", "two", "one", "--key", "old", "--to", new)
    assert failed.code == 2
    assert "1 of 2 files were passed on" in failed.err
    assert privet("rotate", "--key", "old").code == 2
    assert privet("rotate", "two", "--name", "alice").code == 2


def test_a_changed_file_has_its_own_exit_code_and_leaves_nothing(privet) -> None:
    recipient = privet("keygen", "--out", "key").out.strip()
    privet("encrypt", "plain.csv", "--out", "sealed", "--to", recipient)
    whole = Path("sealed").read_bytes()
    for harmed in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"", b"id,age\n"):
        Path("sealed").write_bytes(harmed)
        result = privet("decrypt", "sealed", "--out", "back", "--key", "key")
        assert result.code == 1
        assert result.err.startswith("privet: ")
        assert len(result.err.splitlines()) == 1
        assert not Path("back").exists()


def test_wrong_input_is_said_in_one_line_without_secrets(privet) -> None:
    recipient = privet("keygen", "--out", "key").out.strip()
    secret = secret_of("key")
    privet("encrypt", "plain.csv", "--out", "sealed", "--passphrase-file", "phrase")
    Path("other").write_text("another passphrase\n")
    Path("other").chmod(0o600)
    wrong = [
        ("keygen",),
        ("keygen", "--out", "key"),
        ("keygen", "--out", "x", "--ring", "y", "--name", "z"),
        ("encrypt", "plain.csv", "--out", "x"),
        ("encrypt", "none.csv", "--out", "x", "--to", recipient),
        ("encrypt", "plain.csv", "--out", "none/x", "--to", recipient),
        ("encrypt", "plain.csv", "--out", "x", "--to", secret),
        ("encrypt", "plain.csv", "--out", "x", "--to", recipient[:-1]),
        ("encrypt", "plain.csv", "--out", "x", "--to", recipient, "--format", "zip"),
        ("encrypt", "plain.csv", "--out", "x", "--to", recipient, "--passphrase-file", "phrase"),
        ("encrypt", "plain.csv", "--out", "x", "--to-file", "key"),
        ("decrypt", "sealed", "--out", "x", "--passphrase-file", "other"),
        ("decrypt", "sealed", "--out", "x", "--passphrase-file", "phrase", "--passphrase-fd", "77"),
        ("decrypt", "sealed", "--out", "x", "--passphrase-fd", "77"),
        ("decrypt", "sealed", "--out", "x", "--key", "key"),
        ("decrypt", "sealed", "--out", "x", "--key", "none"),
        ("decrypt", "sealed", "--out", "x", "--ring", "none", "--passphrase-file", "phrase"),
    ]
    before = sorted(os.listdir("."))
    for arguments in wrong:
        result = privet(*arguments)
        assert result.code == 2, arguments
        assert "Traceback" not in result.err
        for hidden in (PHRASE, "another passphrase", secret[16:]):
            assert hidden not in result.out + result.err
    assert sorted(os.listdir(".")) == before


# The command is run elsewhere than here.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
COMMAND = [sys.executable, "-c", "from privet.cli.main import run; run()", "vault"]


def test_without_a_terminal_it_asks_for_another_way(privet) -> None:
    command = [*COMMAND, "encrypt", "plain.csv", "--out", "x", "--passphrase"]
    nothing = {"stdin": subprocess.DEVNULL, "capture_output": True, "start_new_session": True}
    done = subprocess.run(command, text=True, check=False, env=ENVIRONMENT, timeout=60, **nothing)
    assert done.returncode == 2
    assert "--passphrase-file" in done.stderr


def test_a_passphrase_is_asked_for_twice_and_not_shown(privet) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execve(COMMAND[0], [*COMMAND, "encrypt", "plain.csv", "--out", "sealed", "--passphrase"], ENVIRONMENT)
    seen = b""
    for _ in range(2):
        start = len(seen)
        while not seen[start:].rstrip().endswith(b":"):
            seen += os.read(terminal, 1024)  # an error if the command is gone, so this ends
        time.sleep(0.05)
        os.write(terminal, PHRASE.encode() + b"\n")
    try:
        while more := os.read(terminal, 1024):
            seen += more
    except OSError:
        pass
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, seen
    assert PHRASE.encode() not in seen
    assert privet("decrypt", "sealed", "--out", "back", "--passphrase-file", "phrase").code == 0


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopping_it_in_the_middle_leaves_no_part(privet, tmp_path: Path, kind: signal.Signals) -> None:
    recipient = privet("keygen", "--out", "key").out.strip()
    before = sorted(os.listdir("."))
    command = [*COMMAND, "encrypt", "-", "--out", "sealed", "--to", recipient]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdin is not None
        process.stdin.write(bytes(5 << 20))
        process.stdin.flush()
        process.send_signal(kind)
        _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if kind == signal.SIGINT else -kind)
    if kind == signal.SIGINT:
        assert b"stopped" in err
    assert sorted(os.listdir(".")) == before


def test_an_authority_issues_and_revokes(privet) -> None:
    import ssl

    from privet.vault.channels import Credentials, server_context

    phrase = ("--passphrase-file", "phrase")
    assert privet("certificate", "authority", "--name", "Visits", "--permit", "localhost", *phrase).code == 0
    issued = privet("certificate", "issue", "hub", "--host", "localhost", "--out", ".", *phrase)
    assert (issued.code, issued.err) == (0, "")
    folder = Path("authority")
    credentials = Credentials(Path("hub.pem"), Path("hub.key"), folder / "authority.pem", folder / "revoked.pem")
    assert server_context(credentials).verify_mode == ssl.CERT_REQUIRED
    before = (folder / "revoked.pem").read_bytes()
    assert privet("certificate", "revoke", "hub.pem", *phrase).code == 0
    assert (folder / "revoked.pem").read_bytes() != before
    for wrong in [
        ("authority", "--name", "Visits", "--permit", "localhost", *phrase),
        ("issue", "hub", "--host", "elsewhere", "--out", ".", *phrase),
        ("issue", "x", "--host", "localhost", "--out", ".", "--role", "king", *phrase),
        ("revoke", "plain.csv", *phrase),
    ]:
        assert privet("certificate", *wrong).code == 2
