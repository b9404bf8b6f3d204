"""What is maximized for a design: a likelihood, where it starts, and what its optimum says."""
