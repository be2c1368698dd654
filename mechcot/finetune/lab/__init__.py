"""The fine-tuning lab: arms x seeds from a file, trained as `mechcot tune` does, read as `mechcot check` does, held against one arm."""
