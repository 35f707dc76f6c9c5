"""How messages are kept and sent."""
