"""Chains written elsewhere, read into traces."""
