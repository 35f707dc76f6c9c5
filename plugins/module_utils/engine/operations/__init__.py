"""One file an operation, or two that are each other's opposite."""
