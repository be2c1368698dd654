"""Strings to steps, answers and problems: pure text, no model and no tensors."""
