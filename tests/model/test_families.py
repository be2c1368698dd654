"""Every decoder class that transformers lists: works with the parity that docs/results/families.md states, or one sentence."""

import re

import pytest

from tools.families import DOC, NAMES, Outcome, outcome, row


def said(found: Outcome) -> str:
    """The family's line in the document."""
    lines = DOC.read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith(f"| {found.name} |")]
    return line


def without_numbers(line: str) -> str:
    """Differences are told to one digit, which is another on another machine."""
    return re.sub(r"\d(\.\d)?e[+-]\d+", "#", line)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_family_works_or_is_refused_in_one_sentence(name):
    found = outcome(name)
    if found.refused:
        assert "\n" not in found.refused and "Traceback" not in found.refused
    else:
        assert not found.wrong
        assert found.parity < 1e-3
        assert found.masks or found.why
    assert without_numbers(said(found)) == without_numbers(row(found))
