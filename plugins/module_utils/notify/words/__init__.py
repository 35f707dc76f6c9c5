"""What messages about a run say, made from its journal alone."""
