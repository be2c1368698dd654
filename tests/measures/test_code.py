"""What a measure does is part of the key of what it measured."""

import importlib
import sys

import pytest

from mechcot.measures import code

FIRST = '''"""A measure."""
from {package}.helper import half

CARD = "one"


def measure(value):
    """Half of it."""
    return half(value)
'''
HELPER = "def half(value):\n    return value / 2\n"


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Gives the hash of a measure of a package with these two files."""

    def hashed(measure: str = FIRST, helper: str = HELPER) -> str:
        folder = tmp_path / "somemeasures"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / "first.py").write_text(measure.replace("{package}", "somemeasures"))
        (folder / "helper.py").write_text(helper)
        code.code_of.cache_clear()
        code._tree.cache_clear()
        importlib.invalidate_caches()
        return code.code_of("somemeasures.first")

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code, "_PACKAGE", "somemeasures")
    yield hashed
    sys.modules.pop("somemeasures", None)
    code.code_of.cache_clear()
    code._tree.cache_clear()


def test_another_rule_is_another_code_here_or_in_a_helper(named):
    as_it_was = named()
    assert named(helper=HELPER.replace("2", "3")) != as_it_was
    assert named(measure=FIRST.replace("half(value)\n", "half(half(value))\n")) != as_it_was
    assert named() == as_it_was


def test_words_about_a_measure_are_no_code_of_it(named):
    as_it_was = named()
    words = FIRST.replace("Half of it.", "A half.").replace('"one"', '"two"')
    assert named(measure=words, helper=f"# A comment.\n{HELPER}") == as_it_was
