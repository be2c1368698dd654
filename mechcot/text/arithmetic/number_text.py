"""Exact numbers written as text: in the form of another number, or as a plain decimal."""

from fractions import Fraction


def render(value: Fraction, *, like: str) -> str | None:
    """Write a value in the form of another number: same length, same commas, same decimals.

    Returns:
        The text, or None when the value is negative or has no such form.
    """
    decimals = len(like.partition(".")[2])
    scaled = value * 10**decimals
    if value < 0 or scaled.denominator != 1:
        return None
    digits = str(scaled.numerator).rjust(decimals + 1, "0")
    whole = digits[: len(digits) - decimals]
    if "," in like:
        whole = f"{int(whole):,}"
    if like.startswith("."):
        whole = "" if whole == "0" else whole
    text = whole + ("." + digits[len(digits) - decimals :] if decimals else "")
    return text if len(text) == len(like) else None


def plain_decimal(value: Fraction) -> str | None:
    """Write a value as a decimal of any length; None when it does not end."""
    for decimals in range(7):
        scaled = value * 10**decimals
        if scaled.denominator == 1:
            digits = str(abs(scaled.numerator)).rjust(decimals + 1, "0")
            cut = len(digits) - decimals
            return (
                ("-" if value < 0 else "") + digits[:cut] + ("." + digits[cut:] if decimals else "")
            )
    return None
