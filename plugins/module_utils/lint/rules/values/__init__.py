"""Values and units."""
