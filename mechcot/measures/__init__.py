"""Measures: one reader, one trace, one measurement. A measure draws no figure; only those in `registry.PAIRED` see a second model."""
