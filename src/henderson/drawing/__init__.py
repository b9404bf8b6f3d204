"""From tables to axes: each function draws one table; Matplotlib is loaded on use."""
