"""Models: the only layer that imports transformers, peft and transformer_lens."""
