"""The nouns: problems, traces, pairs, measure cards, measurements, and how they are stored."""
