"""The sandbox: a fleet of containers that behave as hosts do."""
