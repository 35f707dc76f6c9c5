"""Headers and lists."""
