"""The arithmetic of a text: equations, where numbers come from, other numbers in their place."""
