"""Every decoder class that transformers lists: works with the parity that docs/families.md states, or one sentence."""

import pytest

from tools.families import NAMES, outcome


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
