"""Removal of steps until the answer changes, offline and while a model writes."""
