"""The power of tests, by simulation."""
