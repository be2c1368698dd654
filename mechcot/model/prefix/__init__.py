"""One pass over a trace, and everything that is run on its keys and values."""
