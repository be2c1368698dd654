"""The trace explorer, of a run folder or of measurements in memory."""
