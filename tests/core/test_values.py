"""Values are checked at birth, never change, and mean one thing."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.core import events
from privet.core.bounds import Categories, Interval, NormBound
from privet.core.errors import InvalidParameter, PluginError
from privet.core.events import from_json, to_json
from privet.core.exact import exact, float_down, float_up, round_down, round_up
from privet.core.guarantees import NoGuarantee, RenyiCurve
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.plugins import load, names
from privet.core.receipts import digest
from privet.core.sealed import Public
from privet.core.units import ClipNorm, Delta, Epsilon, Mu, NoiseMultiplier, NoiseStddev, Quantity, Rho, SamplingRate

KINDS = [Epsilon, Delta, Rho, Mu, NoiseMultiplier, NoiseStddev, ClipNorm, SamplingRate]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -1, "much", None])
def test_a_parameter_that_cannot_be_right_is_refused_by_name(kind: type[Quantity], value: object) -> None:
    with pytest.raises(InvalidParameter, match=kind.label):
        kind(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "value"), [(Delta, 1), (NoiseMultiplier, 0), (ClipNorm, 0), (SamplingRate, 1.1)])
def test_a_limit_belongs_to_the_right_side(kind: type[Quantity], value: float) -> None:
    with pytest.raises(InvalidParameter):
        kind(value)


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_quantities_of_different_meaning_never_interchange(first: type[Quantity], second: type[Quantity]) -> None:
    if first is second:
        assert first(second(0.5)) == 0.5
    else:
        with pytest.raises(InvalidParameter, match="different things"):
            first(second(0.5))


@pytest.mark.parametrize("kind", KINDS)
def test_quantities_survive_copying_and_pickling(kind: type[Quantity]) -> None:
    for again in (copy.deepcopy(kind(0.5)), pickle.loads(pickle.dumps(kind(0.5)))):
        assert type(again) is kind
        assert again == 0.5


@given(st.fractions(min_value=-100, max_value=100), st.integers(0, 30))
def test_rounding_goes_against_the_spender(value: Fraction, digits: int) -> None:
    assert (
        Fraction(round_down(value, digits=digits), 10**digits)
        <= value
        <= Fraction(round_up(value, digits=digits), 10**digits)
    )
    assert round_up(value, digits=digits) - round_down(value, digits=digits) in (0, 1)
    assert Fraction(float_down(value)) <= value <= Fraction(float_up(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_typed_float_means_the_decimal_that_was_typed(value: float) -> None:
    assert float(exact(value)) == value
    assert exact(str(value)) == exact(value)


@pytest.mark.parametrize("value", [True, "x", math.nan, math.inf, None, [], "1/0"])
def test_what_is_not_a_number_is_refused(value: object) -> None:
    with pytest.raises(InvalidParameter):
        exact(value)  # type: ignore[arg-type]


numbers = st.fractions(min_value=Fraction(1, 1000), max_value=1000)
leaf = st.one_of(
    st.just(events.NoRelease()),
    st.builds(events.NotPrivate, st.text(min_size=1).filter(lambda text: text.strip())),
    st.builds(events.PureLoss, numbers),
    st.builds(events.ApproxLoss, numbers, st.fractions(0, Fraction(1, 2))),
    st.builds(events.Laplace, numbers),
    st.builds(events.Gaussian, numbers),
    st.builds(events.DiscreteLaplace, numbers, st.integers(1, 50)),
    st.builds(events.DiscreteGaussian, numbers, numbers),
)
trees = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds(events.PoissonSampled, st.fractions(Fraction(1, 100), 1), inner),
        st.builds(
            events.TruncatedPoissonSampled,
            st.fractions(Fraction(1, 100), 1),
            st.integers(1, 9),
            st.integers(1, 9),
            inner,
        ),
        st.builds(events.RandomlyAllocated, st.integers(1, 1000), inner),
        st.builds(events.Repeated, inner, st.integers(0, 1000)),
        st.builds(events.Composed, st.lists(inner, max_size=4)),
    ),
    max_leaves=8,
)


@given(trees)
def test_every_event_survives_json(event: events.Event) -> None:
    import json

    assert from_json(json.loads(json.dumps(to_json(event)))) == event


@given(trees)
def test_events_are_frozen_and_can_be_dictionary_keys(event: events.Event) -> None:
    assert {event: 1}[event] == 1
    for field in dataclasses.fields(event):  # type: ignore[arg-type]
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
            setattr(event, field.name, None)


@pytest.mark.parametrize(
    "body",
    [{}, {"event": "os.system"}, {"event": "gaussian"}, {"event": "gaussian", "noise_multiplier": "-1"},
     {"event": "gaussian", "noise_multiplier": "1", "extra": 1}, {"event": "gaussian", "noise_multiplier": "inf"}],
)  # fmt: skip
def test_json_that_is_not_an_event_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter):
        from_json(body)


def test_units_and_bounds_are_checked() -> None:
    for make in (
        lambda: PrivacyUnit(""),
        lambda: PrivacyUnit("p", max_rows=2),
        lambda: PrivacyUnit("p", column="c", max_rows=0),
        lambda: Interval(1, 1),
        lambda: Interval(0, math.inf),
        lambda: Categories(("a", "a")),
        lambda: NormBound(0),
        lambda: RenyiCurve((1.0,), (0.0,)),
        lambda: RenyiCurve((2.0, 3.0), (0.0,)),
        lambda: NoGuarantee(" "),
        lambda: Public(1, reason=""),
    ):
        with pytest.raises(InvalidParameter):
            make()


def test_a_sum_moves_twice_as_far_when_a_unit_is_exchanged() -> None:
    assert [relation.sum_sensitivity_factor for relation in Relation] == [1, 2, 1]


def test_a_plug_in_that_is_not_there_is_refused_and_the_others_are_listed() -> None:
    assert "events" in names("privet.core")
    assert "_mint" not in names("privet.core")
    with pytest.raises(PluginError, match=r"there are: .*events"):
        load("privet.core", "nothing")


def test_a_declaration_that_something_is_public_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="privet.public"):
        Public(3, reason="printed in the annual report")
    assert "printed in the annual report" in caplog.text


def test_digests_tell_values_types_and_shapes_apart() -> None:
    import numpy as np

    values = [
        np.zeros(4),
        np.zeros((2, 2)),
        np.zeros(4, dtype=np.float32),
        [0, 0],
        [0, [0]],
        {"a": 0},
        "0",
        0,
        0.5,
        None,
    ]
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"a": 1, "b": np.ones(2)}) == digest({"b": np.ones(2), "a": 1})
