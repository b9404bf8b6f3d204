"""The outer search: trust-region Newton on exact gradients, and what it says at the end."""

from henderson.optimize.certificate import Certificate, Outcome
from henderson.optimize.trust_region import Search, SearchLimits, minimize

__all__ = ["Certificate", "Outcome", "Search", "SearchLimits", "minimize"]
