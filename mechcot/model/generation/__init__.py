"""Writing: chains, answers, steered and pruned decoding."""
