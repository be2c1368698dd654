"""Linear probes on states and features, held out by item."""
