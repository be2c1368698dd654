"""Measures: one reader, one trace, one reading. A measure draws nothing and never sees two models."""
