"""The nouns: problems, traces, pairs, measure cards, readings, and how they are stored."""
