"""An interval of a weighted sum of independent means from their own intervals, symmetric or not.

    theta = sum_i w_i m_i;   low = theta - sqrt(sum_i (w_i m_i - least_i)^2),  high likewise, least_i the lower end of w_i m_i

Zou and Donner 2008 (Statistics in Medicine 27:1693), method of variance estimates recovery. Exact where all are normal; a mean of items that are all right
keeps its width, as a bootstrap would not.
"""

from collections.abc import Sequence

import numpy as np

from mechcot.stats.bootstrap import Interval


def combined(parts: Sequence[Interval], weights: Sequence[float]) -> Interval:
    """The weighted sum of independent means with its 95 % interval; `n` counts all items.

    Args:
        parts: The means, of different items.
        weights: One a mean.
    """
    theta = sum(w * part.mean for w, part in zip(weights, parts, strict=True))
    reach = {"low": 0.0, "high": 0.0}
    for weight, part in zip(weights, parts, strict=True):
        ends = sorted((weight * part.low, weight * part.high))
        reach["low"] += (weight * part.mean - ends[0]) ** 2
        reach["high"] += (ends[1] - weight * part.mean) ** 2
    low, high = theta - np.sqrt(reach["low"]), theta + np.sqrt(reach["high"])
    n = sum(part.n for part in parts)
    return Interval(float(theta), float(low), float(high), n=n, units=n)
