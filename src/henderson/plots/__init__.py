"""Pictures: a function from a table to axes for each; Matplotlib is loaded on use."""
