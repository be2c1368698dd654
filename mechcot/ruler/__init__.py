"""The ruler: every measure scored on models whose use of their chain is known."""
