"""The two sample reports as fixtures."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def _samples():
    spec = importlib.util.spec_from_file_location("report_sample", Path(__file__).with_name("sample.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def full():
    return _samples().full()


@pytest.fixture
def minimal():
    return _samples().minimal()
