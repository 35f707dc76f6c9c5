"""Which blocks of a configuration answer requests: measured by nginx itself, on a copy that says where it has been."""
