"""From a formula and a table to frozen estimates: specification, pipeline, estimates."""
