"""Secure summation over a few sites: one upload a round, and a server that learns nothing but the sum.

Rounds as types: Advertised -> Masked -> the sum. Trust: semi-honest or malicious server, honest sites; a site's
upload is hidden from any coalition of the server and all but two sites (then two hidden uploads remain mixed).
Every site must answer: a missing one makes the round fail closed (decision 008 says why, and what comes later).
Reference: Bonawitz et al. 2017, section 4 (masking with one-time pads), with signed keys and without recovery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.secure.identity import Advertised, ProtocolError, new_identity, signed_text
from privet.secure.masks import MAX_ROUNDS, mask, pair_key
from privet.secure.quantise import FixedPoint

MIN_PARTIES = 2


@dataclass(frozen=True, slots=True)
class Masked:
    """One party's upload for one round: by itself, uniformly random words."""

    party: str
    job: str
    round_number: int
    words: bytes


class Party:
    """One site of a job. Keys are fresh for the job; a round is masked at most once.

    Errors: ProtocolError for a forged, missing or repeated message.
    """

    __slots__ = ("_fresh", "_identity", "_job", "_keys", "_last_round", "name")

    def __init__(self, name: str, *, job: str, identity: Ed25519PrivateKey) -> None:
        self.name = name
        self._job = job
        self._identity = identity
        self._fresh = X25519PrivateKey.generate()
        self._keys: dict[str, bytes] = {}
        self._last_round = -1

    def advertise(self) -> Advertised:
        """This party's signed key for the job."""
        public = self._fresh.public_key().public_bytes_raw()
        return Advertised(self.name, self._job, public, self._identity.sign(signed_text(self.name, self._job, public)))

    def agree(self, advertised: Iterable[Advertised], *, directory: Mapping[str, bytes]) -> None:
        """Check every party's key against the directory and share a secret with each."""
        keys = {item.party: item.check(directory, job=self._job) for item in advertised}
        if set(keys) != set(directory):
            missing = sorted(set(directory) - set(keys))
            raise ProtocolError(f"no key came from {', '.join(map(repr, missing))}; the job cannot begin without it")
        if len(keys) < MIN_PARTIES:
            raise ProtocolError(f"a sum over {len(keys)} party hides nothing; at least {MIN_PARTIES} are needed")
        self._keys = {
            name: pair_key(self._fresh, other=key, job=self._job, names=(self.name, name))
            for name, key in keys.items()
            if name != self.name
        }

    def upload(self, values: NDArray[np.float64], *, round_number: int, code: FixedPoint) -> Masked:
        """Encode, mask and pack one vector."""
        if not self._keys:
            raise ProtocolError(f"{self.name!r} has not agreed on keys; call agree() first")
        if not self._last_round < round_number < MAX_ROUNDS:
            raise ProtocolError(f"{self.name!r} has masked round {self._last_round}; round {round_number} is refused")
        self._last_round = round_number
        words = code.encode(values)
        for other, key in self._keys.items():
            stream = mask(key, round_number=round_number, size=len(words))
            words = words + stream if self.name < other else words - stream
        return Masked(self.name, self._job, round_number, words.astype("<u4").tobytes())


def add_up(
    uploads: Iterable[Masked], *, parties: Iterable[str], job: str, round_number: int, size: int, code: FixedPoint
) -> NDArray[np.float64]:
    """The sum of every party's vector. Needs memory for one vector, however many parties there are.

    Errors: ProtocolError naming the party whose upload is missing, repeated, of another round, or of another length.
    """
    waiting, total = set(parties), np.zeros(size, dtype=np.uint32)
    for upload in uploads:
        if upload.party not in waiting:
            raise ProtocolError(f"{upload.party!r} uploaded twice or is not of this job; the round is not summed")
        if (upload.job, upload.round_number) != (job, round_number):
            raise ProtocolError(f"{upload.party!r} uploaded for another job or round; the round is not summed")
        if len(upload.words) != 4 * size:
            raise ProtocolError(f"{upload.party!r} uploaded {len(upload.words)} bytes, not {4 * size}; not summed")
        waiting.discard(upload.party)
        total = total + np.frombuffer(upload.words, dtype="<u4")
    if waiting:
        raise ProtocolError(f"no upload came from {', '.join(map(repr, sorted(waiting)))}; the round is not summed")
    return code.decode_sum(total)


class SecureSum:
    """All parties and the server in one process, for simulation and tests: the same messages as over a network."""

    __slots__ = ("_code", "_job", "_parties", "_round", "bytes_per_party", "size")

    def __init__(self, names: Iterable[str], *, job: str, size: int, limit: float) -> None:
        identities = {name: new_identity() for name in names}
        if len(identities) < MIN_PARTIES:
            raise InvalidParameter(f"{len(identities)} site cannot hide in a sum; give at least {MIN_PARTIES}")
        directory = {name: key.public_key().public_bytes_raw() for name, key in identities.items()}
        self._parties = {name: Party(name, job=job, identity=key) for name, key in identities.items()}
        advertised = [party.advertise() for party in self._parties.values()]
        for party in self._parties.values():
            party.agree(advertised, directory=directory)
        self._code = FixedPoint(limit=limit, parties=len(identities))
        self._job, self._round, self.size = job, 0, size
        self.bytes_per_party = 0

    def sum(self, vectors: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Sum one vector of every party."""
        uploads = [
            self._parties[name].upload(vector, round_number=self._round, code=self._code)
            for name, vector in vectors.items()
        ]
        self.bytes_per_party = max(len(upload.words) for upload in uploads)
        total = add_up(
            uploads, parties=self._parties, job=self._job, round_number=self._round, size=self.size, code=self._code
        )
        self._round += 1
        return total
