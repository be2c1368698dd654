"""Influence of steps on later steps, and the answer's change when the ignored steps go."""
