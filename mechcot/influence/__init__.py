"""Who listens to which step, and what happens to the answer when the ignored steps go."""
