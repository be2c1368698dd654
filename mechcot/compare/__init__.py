"""Composition: specs -> chains -> measurements -> contrasts -> report; every finished item is on disk."""
