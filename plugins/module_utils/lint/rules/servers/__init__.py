"""Rules about which server answers."""
