"""Times of day and dates: `2:30 pm` is `14:30`, `3 de mayo de 2020` is `2020-05-03`.

Names of months are those of CLDR, through babel; a name that two languages give to different months is none. What a text leaves open equals both: `2:30`
is `2:30 pm`, `May 3` is `May 3, 2020`, and `05/03/2020` is either day beside a date that says which.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from mechcot.text.unit_words import LOCALES

_LONGEST = 60
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:(?P<mark>[:.h])(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\s?h(?:rs?)?(?!\w))?)?\s*(?P<half>[ap]m|uhr|o'clock)?"
)
_YEAR_FIRST = re.compile(
    r"(\d{4})(?:([-/.]) ?(\d{1,2})\2 ?(\d{1,2})\.?|\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]?)"
)
_NUMBERS = re.compile(r"(\d{1,2})([/.-]) ?(\d{1,2})\2 ?(\d{4})\.?(?: г)?")
_TOKEN = re.compile(r"\d+|[^\s\d.,/()'’-]+")
_AROUND = re.compile(  # what may stand around the parts of a date
    r"st|nd|rd|th|er|re|the|of|de|del|di|do|da|d|le|el|il|den|der|dem|ден|г|года|року|р|r|roku|m|gada|ค|ศ|ngày|năm|am"
)
_MONTHS, _DAYS = 12, 31
_JOINER = "\u200c"


@dataclass(frozen=True)
class _Clock:
    """A time of day: hours, seconds behind them, whether "am" or "pm" is said, and whether it could be."""

    hour: int
    rest: int
    said: bool
    open: bool

    def same(self, other: "_Clock") -> bool:
        """Whether two texts may mean one time."""
        hours = 12 if (self.said and other.open) or (self.open and other.said) else 24
        return (self.hour % hours, self.rest) == (other.hour % hours, other.rest)


@dataclass(frozen=True)
class _Day:
    """A date; no year where none is said."""

    year: int | None
    month: int
    day: int

    def same(self, other: "_Day") -> bool:
        """Whether two texts may mean one day."""
        years = {self.year, other.year} - {None}
        return (self.month, self.day) == (other.month, other.day) and len(years) < 2


def same_moment(left: str, right: str) -> bool | None:
    """Return whether two times of day, or two dates, are the same; None where not both are ones.

    Args:
        left: In lower case.
        right: In lower case.
    """
    if max(len(left), len(right)) > _LONGEST:
        return None
    here, there = _clock(left), _clock(right)
    if here and there:
        return here.same(there)
    a, b = _NUMBERS.fullmatch(left), _NUMBERS.fullmatch(right)
    if a and b and a[2] == b[2]:  # one order, whichever it is
        return all(int(a[n]) == int(b[n]) for n in (1, 3, 4))
    if (days := _days(left)) and (others := _days(right)):
        return any(day.same(other) for day in days for other in others)
    return None


def _clock(text: str) -> _Clock | None:
    """The time of day that a text is."""
    match = _CLOCK.fullmatch(text)
    if match is None or not (match["minute"] or match["half"]):
        return None
    if match["mark"] == "." and not match["half"]:
        return None
    hour, rest = int(match["hour"]), 60 * int(match["minute"] or 0) + int(match["second"] or 0)
    said = match["half"] in {"am", "pm"}
    if hour > (12 if said else 24) or rest >= 3600:
        return None
    if said:
        hour = hour % 12 + (12 if match["half"] == "pm" else 0)
    return _Clock(hour % 24, rest, said, not said and 1 <= hour <= 12)


@lru_cache(maxsize=16384)
def _days(text: str) -> tuple[_Day, ...]:
    """The dates that a text may be."""
    if match := _NUMBERS.fullmatch(text):
        a, b, year = map(int, match.group(1, 3, 4))
        orders = ((a, b),) if match[2] == "." else ((a, b), (b, a))
        found = [_Day(year, month, day) for day, month in orders]
    elif match := _YEAR_FIRST.fullmatch(text):
        found = [_Day(*(int(part) for part in match.groups() if part and part.isdigit()))]
    else:
        found = _worded(text)
    return tuple(day for day in found if day.month <= _MONTHS and 0 < day.day <= _DAYS)


def _worded(text: str) -> list[_Day]:
    """The date that a text with the name of a month is, with or without its year."""
    numbers, months = [], []
    for token in _TOKEN.findall(text):
        if token.isdigit():
            numbers.append(int(token))
        elif not _AROUND.fullmatch(token):
            months.append(token)
    if not 1 <= len(numbers) <= 2 or len(months) != 1 or months[0] not in _month_names():
        return []
    years = [number for number in numbers if number > _DAYS]
    days = [number for number in numbers if number <= _DAYS]
    if len(days) != 1:
        return []
    return [_Day(years[0] if years else None, _month_names()[months[0]], days[0])]


@cache
def _month_names() -> Mapping[str, int]:
    """Number of each month by its names."""
    from babel import Locale

    numbers: dict[str, set[int]] = {}
    for locale in LOCALES.split():
        for widths in Locale.parse(locale).months.values():
            for width in ("wide", "abbreviated"):
                for number, name in widths[width].items():
                    words = _TOKEN.findall(name.casefold().replace(_JOINER, ""))
                    numbers.setdefault(words[-1] if words else "", set()).add(number)
    return {
        name: each.pop()
        for name, each in numbers.items()
        if len(each) == 1 and not name.isdigit() and not _AROUND.fullmatch(name)
    }
