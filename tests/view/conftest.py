"""Reports made once for all tests of the view."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import view_fixtures

from mechcot.view.plates import plates
from mechcot.view.report import page


@pytest.fixture(scope="session")
def data():
    return view_fixtures.report_data()


@pytest.fixture(scope="session")
def hostile():
    return view_fixtures.hostile_data()


@pytest.fixture(scope="session")
def series_data():
    return view_fixtures.series_data()


@pytest.fixture(scope="session")
def text(data):
    return page(data)


@pytest.fixture(scope="session")
def hostile_text(hostile):
    return page(hostile)


@pytest.fixture(scope="session")
def made(data):
    return plates(data)


@pytest.fixture(scope="session")
def every_kind(series_data):
    """A small study in which every kind of figure occurs."""
    return replace(series_data, comparisons=series_data.comparisons[:1])
