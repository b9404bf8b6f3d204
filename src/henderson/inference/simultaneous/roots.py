"""Roots of decreasing functions, such as tail probabilities."""

from collections.abc import Callable


def falling_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a decreasing function is zero, to 1e-12 relative.

    By false position with the Illinois rule: an end that is kept twice has its value halved.
    """
    at_low, at_high = function(low), function(high)
    while at_low < 0.0:
        high, at_high = low, at_low
        low *= 0.5
        at_low = function(low)
    while at_high > 0.0:
        low, at_low = high, at_high
        high *= 2.0
        at_high = function(high)
    kept = 0
    for _ in range(200):
        if high - low <= 1e-12 * high or at_low == at_high:
            break
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        at_middle = function(middle)
        if abs(at_middle) < 1e-15:
            return middle
        if at_middle > 0.0:
            low, at_low = middle, at_middle
            at_high *= 0.5 if kept > 0 else 1.0
            kept = 1
        else:
            high, at_high = middle, at_middle
            at_low *= 0.5 if kept < 0 else 1.0
            kept = -1
    return 0.5 * (low + high)
