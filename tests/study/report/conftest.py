"""The two sample reports as fixtures."""

from __future__ import annotations

import pytest

from privet.study.report import StudyReport

from . import sample


@pytest.fixture
def full() -> StudyReport:
    return sample.full()


@pytest.fixture
def minimal() -> StudyReport:
    return sample.minimal()
