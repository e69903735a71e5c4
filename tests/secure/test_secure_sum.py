"""Masks cancel, uploads look like chance, and whoever cheats is found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from privet.core.errors import InvalidParameter
from privet.noise.simulation import generator
from privet.secure.identity import (
    Advertised,
    ProtocolError,
    create_identity_file,
    new_identity,
    read_identity_file,
)
from privet.secure.masks import mask, pair_key
from privet.secure.protocol import Party, SecureSum, add_up
from privet.secure.quantise import FixedPoint

NAMES = ("east", "north", "south")


def ready(names: tuple[str, ...] = NAMES, job: str = "job") -> dict[str, Party]:
    identities = {name: new_identity() for name in names}
    directory = {name: key.public_key().public_bytes_raw() for name, key in identities.items()}
    parties = {name: Party(name, job=job, identity=key) for name, key in identities.items()}
    advertised = [party.advertise() for party in parties.values()]
    for party in parties.values():
        party.agree(advertised, directory=directory)
    return parties


CODE = FixedPoint(limit=8.0, parties=3)


def summed(uploads, *, size: int = 2, round_number: int = 0, job: str = "job"):
    return add_up(uploads, parties=NAMES, job=job, round_number=round_number, size=size, code=CODE)


@given(seed=st.integers(0, 10**6), parties=st.integers(2, 6), size=st.integers(1, 50))
def test_the_sum_is_exact_on_its_grid(seed: int, parties: int, size: int) -> None:
    names = [f"site-{i}" for i in range(parties)]
    vectors = {name: generator(seed + i).normal(size=size) for i, name in enumerate(names)}
    total = SecureSum(names, job="j", size=size, limit=8.0).sum(vectors)
    grid = FixedPoint(limit=8.0, parties=parties).grid
    exact = sum(np.rint(np.clip(v, -8, 8) / grid) for v in vectors.values()) * grid
    np.testing.assert_array_equal(total, exact)


def test_extremes_do_not_wrap_around() -> None:
    names = [f"p{i}" for i in range(7)]
    for sign in (1, -1):
        total = SecureSum(names, job="j", size=1, limit=3.0).sum({n: np.array([sign * 1e9]) for n in names})
        assert total[0] == pytest.approx(sign * 21.0, rel=1e-6)


def test_an_upload_by_itself_is_uniform() -> None:
    upload = ready()["east"].upload(np.zeros(50_000), round_number=0, code=CODE)
    words = np.frombuffer(upload.words, dtype="<u4")
    assert stats.kstest(words / 2**32, "uniform").pvalue > 1e-6
    assert len(upload.words) == 4 * 50_000


def test_all_but_two_parties_together_still_see_only_a_sum() -> None:
    """What the server and 'south' can compute of the others is one masked pair; only their sum is fixed."""
    parties = ready()
    uploads = {n: p.upload(np.array([1.0, 2.0]), round_number=0, code=CODE) for n, p in parties.items()}
    east = np.frombuffer(uploads["east"].words, dtype="<u4")
    shared = mask(parties["south"]._keys["east"], round_number=0, size=2)
    unmasked = CODE.decode_sum((east - shared).astype(np.uint32))
    assert not np.allclose(unmasked, [1.0, 2.0])


def test_masks_differ_by_round_and_pair_and_agree_within_a_pair() -> None:
    parties = ready()
    key = parties["east"]._keys["north"]
    assert key == parties["north"]._keys["east"] != parties["east"]._keys["south"]
    first, second = mask(key, round_number=0, size=100), mask(key, round_number=1, size=100)
    assert (first != second).any()


def test_a_missing_forged_or_repeated_upload_is_named() -> None:
    parties = ready()
    uploads = [party.upload(np.ones(2), round_number=0, code=CODE) for party in parties.values()]
    with pytest.raises(ProtocolError, match="'south'"):
        summed(uploads[:2])
    with pytest.raises(ProtocolError, match="twice"):
        summed([*uploads, uploads[0]])
    with pytest.raises(ProtocolError, match="another job or round"):
        summed([dataclasses.replace(uploads[0], round_number=3), *uploads[1:]])
    with pytest.raises(ProtocolError, match="bytes"):
        summed([dataclasses.replace(uploads[0], words=b"1234"), *uploads[1:]])


def test_a_round_is_masked_once() -> None:
    party = ready()["east"]
    party.upload(np.ones(2), round_number=4, code=CODE)
    for again in (4, 3):
        with pytest.raises(ProtocolError, match="refused"):
            party.upload(np.ones(2), round_number=again, code=CODE)


def test_a_key_that_its_owner_did_not_sign_is_refused() -> None:
    identities = {name: new_identity() for name in NAMES}
    directory = {name: key.public_key().public_bytes_raw() for name, key in identities.items()}
    parties = {name: Party(name, job="job", identity=key) for name, key in identities.items()}
    honest = [party.advertise() for party in parties.values()]
    stranger = Party("north", job="job", identity=new_identity()).advertise()
    swapped = [honest[0], stranger, honest[2]]
    with pytest.raises(ProtocolError, match="'north'"):
        parties["east"].agree(swapped, directory=directory)
    with pytest.raises(ProtocolError, match="for job"):
        other_job = Party("north", job="other", identity=identities["north"]).advertise()
        parties["east"].agree([honest[0], other_job, honest[2]], directory=directory)
    with pytest.raises(ProtocolError, match="no key came"):
        parties["east"].agree(honest[:2], directory=directory)
    with pytest.raises(ProtocolError, match="directory"):
        parties["east"].agree([Advertised("eve", "job", b"", b""), *honest], directory=directory)


def test_nothing_is_uploaded_before_keys_are_agreed() -> None:
    with pytest.raises(ProtocolError, match="agree"):
        Party("east", job="job", identity=new_identity()).upload(np.ones(1), round_number=0, code=CODE)


def test_numbers_that_cannot_be_summed_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="not finite"):
        CODE.encode(np.array([np.nan]))
    with pytest.raises(InvalidParameter):
        FixedPoint(limit=0.0, parties=2)
    with pytest.raises(InvalidParameter):
        FixedPoint(limit=1.0, parties=0)
    with pytest.raises(InvalidParameter, match="hide"):
        SecureSum(["alone"], job="j", size=1, limit=1.0)


def test_pair_keys_depend_on_the_job() -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    one, two = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    names = ("a", "b")
    here = pair_key(one, other=two.public_key(), job="j", names=names)
    assert here == pair_key(two, other=one.public_key(), job="j", names=("b", "a"))
    assert here != pair_key(one, other=two.public_key(), job="k", names=names)


def test_an_identity_is_kept_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    public = create_identity_file(tmp_path / "site.key")
    identity = read_identity_file(tmp_path / "site.key")
    assert identity.public_key().public_bytes_raw() == public
    with pytest.raises(InvalidParameter, match="not overwritten"):
        create_identity_file(tmp_path / "site.key")
    (tmp_path / "site.key").chmod(0o640)
    with pytest.raises(InvalidParameter, match="chmod 600"):
        read_identity_file(tmp_path / "site.key")
    (tmp_path / "site.key").chmod(0o600)
    (tmp_path / "site.key").write_text("none\n")
    with pytest.raises(InvalidParameter, match="does not hold an identity") as caught:
        read_identity_file(tmp_path / "site.key")
    assert caught.value.__cause__ is None
