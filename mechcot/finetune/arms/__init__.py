"""The arms, one a file: each holds an `ARM`."""
