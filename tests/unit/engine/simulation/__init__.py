"""A host that is made up: real files in a folder, and a clock, an nginx and a systemd that a test commands."""
