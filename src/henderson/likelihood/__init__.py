"""Likelihoods of the model: value, exact gradient, model Hessian."""
