"""Sparse dictionaries on reasoning steps: train, fit, score, falsify, patch, plant and find."""
