"""``privet vault passphrase`` and ``drop``: a key ring's passphrase, and the keys it no longer needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.asking import PassphraseDescriptor, PassphraseFile, changes_told, passphrase
from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from privet.vault.key_ring import KeyRing

RingFile = Annotated[Path, typer.Option("--ring", help="The key ring; its passphrase is asked for.")]


def change_passphrase(
    ring: RingFile,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
    new_passphrase_file: Annotated[
        Path | None, typer.Option("--new-passphrase-file", help="Take the new one from the first line of this file.")
    ] = None,
    new_passphrase_fd: Annotated[
        int | None, typer.Option("--new-passphrase-fd", help="Take the new one from this descriptor.", min=0)
    ] = None,
) -> None:
    """Put a key ring under another passphrase. A copy made before opens with the old one still.

    Example: privet vault passphrase --ring team.ring
    """
    from privet.vault.key_ring import change_ring, open_ring

    with changes_told():
        old = passphrase(passphrase_file, passphrase_fd, what=f"the key ring {ring}")
        open_ring(ring, passphrase=old)  # a wrong one is told before a new one is asked for
        new = passphrase(new_passphrase_file, new_passphrase_fd, what=f"{ring} from now on", confirm=True)
        change_ring(ring, passphrase=old, change=lambda same: same, new_passphrase=new)
    typer.echo(f"{ring} has a new passphrase; a copy made before opens with the old one", err=True)


def drop(
    ring: RingFile,
    name: Annotated[str, typer.Option("--name", help="Whose former keys.")],
    needed: Annotated[
        list[Path] | None,
        typer.Argument(help="Encrypted files and policies (.toml) that must still work; nothing is dropped else."),
    ] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Drop them though nothing is checked.")] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
) -> None:
    """Drop the keys that a key of the ring has replaced. What only they open, or turn back, is lost.

    Example: privet vault drop --ring team.ring --name alice archive/*.sealed
    """
    from privet.vault.key_ring import change_ring

    if not needed and not unchecked:
        raise InvalidParameter(
            "what only the former keys open would be lost; name the files and policies that must still work, and they "
            "are checked, or say --unchecked"
        )
    dropped = 0

    def change(old: KeyRing) -> KeyRing:
        nonlocal dropped
        left = old.without_former_pseudonyms(name) if old.versions(name) else old.without_former(name)
        dropped = len(old.keys) + len(old.pseudonyms) - len(left.keys) - len(left.pseudonyms)
        for path in needed or []:
            _require_unneeded(path, old, left, name)
        return left

    with changes_told():
        given = passphrase(passphrase_file, passphrase_fd, what=f"the key ring {ring}")
        change_ring(ring, passphrase=given, change=change)
    others = "nothing was checked: " if unchecked and not needed else ""
    typer.echo(f"dropped {dropped} former keys of {name!r}; {others}what only they opened is lost", err=True)


def _require_unneeded(path: Path, old: KeyRing, left: KeyRing, name: str) -> None:
    """Errors: InvalidParameter if a file, or a policy, works with the ring as it is and not as it would be."""
    check: Callable[[Path, KeyRing, KeyRing, str], bool] = _policy_needs if path.suffix == ".toml" else _file_needs
    if check(path, old, left, name):
        how = "set key_version" if path.suffix == ".toml" else f"pass it on: privet vault rotate {path}"
        raise InvalidParameter(f"{path} still needs a former key of {name!r}; nothing was dropped. First {how}")


def _file_needs(path: Path, old: KeyRing, left: KeyRing, _: str) -> bool:
    from privet.vault.files import opens

    return opens(path, identities=old.identities()) and not opens(path, identities=left.identities())


def _policy_needs(path: Path, old: KeyRing, left: KeyRing, name: str) -> bool:
    from privet.deidentify.policy import load_policy

    policy = load_policy(path)
    # A policy without a name gets one on the command line, which may be this.
    ours = policy.key_name in ("", name)
    return ours and _has(old, name, policy.key_version) and not _has(left, name, policy.key_version)


def _has(ring: KeyRing, name: str, version: int) -> bool:
    versions: Sequence[int] = ring.versions(name)
    return version in versions
