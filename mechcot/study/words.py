"""Texts for people that are generated from cards."""

from mechcot.core.card import MeasureCard


def card_text(card: MeasureCard) -> str:
    """A card as plain text."""
    direction = {1: "larger means the chain carries more", 0: "not judged"}[card.direction]
    rows = {
        "question": card.question,
        "formula": card.formula,
        "unit": f"{card.unit}, {card.low:g} to {card.high:g}; {direction}",
        "thresholds": f"smallest effect {card.smallest_effect:g}, at least {card.min_items} items",
        "source": card.source,
        "deviations": card.deviations,
        "confounds": card.confounds,
        "cost": card.cost,
        "status": card.status,
    }
    lines = [f"{card.title} ({card.name})", *(f"  {key:11} {text}" for key, text in rows.items())]
    return "\n".join(lines)
