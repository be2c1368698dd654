"""Composition: specs -> chains -> readings -> contrasts -> report; every finished item is on disk."""
