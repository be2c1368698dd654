"""Results into claims: paired intervals, corrected tests, equivalence, gates, and plain sentences."""
