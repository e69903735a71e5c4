"""Replace values by what one of Faker's providers makes up, the same for the same value or person everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter, MissingDependency
from privet.deidentify.chance import KeyedChance
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class Faker:
    """``provider`` is a method of Faker without arguments, such as "address" or "company"; ``locale`` its language.

    Guarantee: what is made up follows from the key and the value (or the ``person``), through a stream of our own and
    never Faker's seed, which anybody can set. Different values may get the same. Another release of Faker may make up
    other things.
    Errors: MissingDependency without Faker; InvalidParameter if it has no such provider or locale.
    """

    provider: str
    locale: str = "en_US"
    person: str = ""

    traits: ClassVar[Traits] = Traits(gives="text", keyed=True)

    def __post_init__(self) -> None:
        if self.provider.startswith("_") or not callable(getattr(self._generator(), self.provider, None)):
            raise InvalidParameter(f"provider is {self.provider!r}; Faker has none of that name for {self.locale}")

    def apply(self, column: Any, *, key: bytes) -> Any:
        return treat_distinct(column, lambda texts: self._made(texts, key))

    def apply_by(self, column: Any, *, persons: Any, key: bytes) -> Any:
        return treat_distinct(persons, lambda texts: self._made(texts, key)).where(column.notna(), None)

    def _made(self, texts: list[str], key: bytes) -> list[str]:
        generator, made = self._generator(), []
        for text in texts:
            chance = KeyedChance(key, purpose=b"faker", content=f"{self.provider}:{text}".encode())
            generator.random = _KeyedRandom(chance)
            made.append(str(getattr(generator, self.provider)()))
        return made

    def _generator(self) -> Any:
        try:
            from faker import Factory
        except ImportError:
            raise MissingDependency(
                "the operator faker needs Faker; pip install privet[deidentify], or use made_up_name"
            ) from None
        try:
            return Factory.create(self.locale)
        except AttributeError:
            raise InvalidParameter(f"locale is {self.locale!r}; Faker has none of that name") from None

    def describe(self) -> str:
        whose = f", the same for each {self.person}" if self.person else ""
        return f"replaced by made-up values ({self.provider}, {self.locale}){whose}"


class _KeyedRandom(Random):
    """Python's generator with every bit from a keyed stream."""

    def __init__(self, chance: KeyedChance) -> None:
        self._chance = chance
        super().__init__(0)

    def random(self) -> float:
        return float(self._chance.uniform(1)[0])

    def getrandbits(self, k: int, /) -> int:
        words = self._chance.words((k + 63) // 64)
        return int.from_bytes(words.tobytes(), "little") & ((1 << k) - 1)

    def seed(self, *_: Any, **__: Any) -> None:
        """Nothing: a seed would make it somebody's guess."""


OPERATOR = Faker
