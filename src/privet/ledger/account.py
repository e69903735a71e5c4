"""What a budget belongs to: a data set or a share of one, whom it protects, and how much may ever leave."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from privet.core.errors import InvalidParameter
from privet.core.exact import exact
from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger.amounts import ORDERS


class Composition(enum.StrEnum):
    """How the filter divides delta: for many adaptive claims, or for one plan of exactly the account's size."""

    ADAPTIVE = "adaptive"
    BASIC = "basic"


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """The public, unchangeable terms of an account.

    ``epsilon`` and ``delta`` bound everything that ever leaves, for this ``unit`` under this ``relation``.
    ``parent`` makes it an allotment: its claims must fit the parent (and the parent's parents) too. ``parts`` declares
    a partition of the units, each in exactly one part, for parallel composition. ``opens`` and ``closes`` are ISO
    dates (UTC, both included) between which claims are taken. ``allow_no_guarantee`` lets claims pass that have no
    bound at all, such as a de-identified table; they are marked everywhere.

    Errors: InvalidParameter, naming the value and its limit.
    """

    name: str
    unit: PrivacyUnit
    relation: Relation
    epsilon: Fraction
    delta: Fraction
    composition: Composition = Composition.ADAPTIVE
    allow_no_guarantee: bool = False
    parent: str | None = None
    parts: tuple[str, ...] = ()
    analyst: str | None = None
    purpose: str | None = None
    opens: str | None = None
    closes: str | None = None
    trust_model: str = "central: the holder of the data is trusted, whoever reads releases is not"
    orders: tuple[float, ...] = ORDERS

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", exact(self.epsilon, name="epsilon"))
        object.__setattr__(self, "delta", exact(self.delta, name="delta"))
        object.__setattr__(self, "parts", tuple(self.parts))
        if not self.name or self.name != self.name.strip() or "\n" in self.name:
            raise InvalidParameter(f"account name is {self.name!r}; give one line without blanks around it")
        if self.epsilon <= 0:
            raise InvalidParameter(f"epsilon of account {self.name!r} is {float(self.epsilon)}; give a number above 0")
        if not 0 <= self.delta < 1:
            raise InvalidParameter(f"delta of account {self.name!r} is {float(self.delta)}; give 0 <= delta < 1")
        self._check_parts()
        self._check_dates()

    def _check_parts(self) -> None:
        if len(set(self.parts)) != len(self.parts) or any(not part for part in self.parts):
            raise InvalidParameter(f"parts of account {self.name!r} must be named and all different")
        if self.parts and self.relation is Relation.REPLACE_ONE:
            raise InvalidParameter(
                f"account {self.name!r} declares parts under {self.relation}: exchanging a unit can touch two parts; "
                f"use {Relation.ADD_OR_REMOVE} or no parts"
            )

    def _check_dates(self) -> None:
        for label, text in (("opens", self.opens), ("closes", self.closes)):
            if text is None:
                continue
            try:
                datetime.date.fromisoformat(text)
            except ValueError:
                raise InvalidParameter(f"{label} is {text!r}; give a date such as 2026-12-31") from None
        if self.opens and self.closes and self.closes < self.opens:
            raise InvalidParameter(f"account {self.name!r} closes ({self.closes}) before it opens ({self.opens})")

    def is_open(self, day: datetime.date) -> bool:
        """Whether claims are taken on that day."""
        text = day.isoformat()
        return (self.opens is None or self.opens <= text) and (self.closes is None or text <= self.closes)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit.to_json(),
            "relation": str(self.relation),
            "epsilon": str(self.epsilon),
            "delta": str(self.delta),
            "composition": str(self.composition),
            "allow_no_guarantee": self.allow_no_guarantee,
            "parent": self.parent,
            "parts": list(self.parts),
            "analyst": self.analyst,
            "purpose": self.purpose,
            "opens": self.opens,
            "closes": self.closes,
            "trust_model": self.trust_model,
            "orders": list(self.orders),
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> AccountSpec:
        fields = dict(body)
        fields["unit"] = PrivacyUnit.from_json(body["unit"])
        fields["relation"] = Relation(body["relation"])
        fields["composition"] = Composition(body["composition"])
        fields["parts"] = tuple(body["parts"])
        fields["orders"] = tuple(body["orders"])
        return cls(**fields)
