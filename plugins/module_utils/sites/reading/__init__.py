"""Reading what a user wrote, each value with its path."""
