"""Inside a decoder: its parts, hooks, masks, and what was tried of it."""
