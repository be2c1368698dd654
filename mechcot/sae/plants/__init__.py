"""Features planted in a copy of a model, and how often the ordinary pipeline finds them."""
