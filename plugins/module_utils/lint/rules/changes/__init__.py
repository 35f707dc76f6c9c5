"""Rules about what became of the live release."""
