"""Rules about values and their units."""
