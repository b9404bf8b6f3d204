"""The same model fitted again, once or to many responses."""
