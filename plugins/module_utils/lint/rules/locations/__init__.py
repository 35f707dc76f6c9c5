"""Rules about which location answers, and from where."""
