"""The circuit view of a step: which heads and MLPs carry what a step states to the answer, and on which path."""
