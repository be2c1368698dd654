"""A base model that writes with something of its tuned model: its tokens, or vectors, where the two disagree."""
