"""Known parameters recovered from simulated data, for every family and covariance structure."""
