"""Several tests or intervals that hold together."""
