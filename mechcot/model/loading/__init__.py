"""From a spec to weights in memory, checked."""
