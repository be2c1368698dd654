"""Fine-tuning arms on one base with one budget, and checkpoints along the way that every command loads."""
