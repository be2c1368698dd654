"""The shipped base with a few of its chains, and a dictionary of planted states."""

from tests.sae.conftest import atoms, base, small, states, traces

__all__ = ["atoms", "base", "small", "states", "traces"]
