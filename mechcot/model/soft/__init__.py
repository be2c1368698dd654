"""Soft tokens before the chain of a frozen model."""
