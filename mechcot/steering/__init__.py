"""Steering: vectors with their origin, doses in nats, decoding under them, experiments as files."""
