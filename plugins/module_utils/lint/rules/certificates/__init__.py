"""Rules about certificates and keys."""
