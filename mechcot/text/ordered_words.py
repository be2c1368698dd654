"""Tell words that have an order or a size of their own: days, months and cardinal numbers; to exchange two of them is no renaming.

Days and months are those of CLDR's languages, through babel.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

from mechcot.text.entities import occurrences
from mechcot.text.numerals import CARDINALS
from mechcot.text.unit_words import LOCALES


def ordered_lists(one: str, other: str) -> bool:
    """Whether two texts have words of one order, such as two days.

    Args:
        one: A text.
        other: Another.
    """
    return bool(_orders(one) & _orders(other))


def _orders(text: str) -> set[str]:
    small = text.casefold()
    names = [name for name in _known() if name in small and occurrences(name, small)]
    return {order for name in names for order in _known()[name]}


@cache
def _known() -> Mapping[str, set[str]]:
    """Name, of one word or more, to the orders that have it."""
    from babel import Locale

    orders: dict[str, set[str]] = defaultdict(set)
    for word in CARDINALS:
        orders[word].add("number")
    for locale in map(Locale.parse, LOCALES.split()):
        for order, forms in (("day", locale.days), ("month", locale.months)):
            for name in (name for form in forms.values() for name in form["wide"].values()):
                orders[str(name).casefold()].add(order)
    return orders
