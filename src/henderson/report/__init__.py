"""What a fit learned, for people and programs: summary, tables, JSON."""
