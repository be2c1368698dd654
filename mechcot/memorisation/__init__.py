"""Which wrong tokens follow what the training texts have: STIM, before and after fine-tuning."""
