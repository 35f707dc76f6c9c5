"""The program on each web host that tells Prometheus what only Sluice knows. Standard library alone, Python 3.8."""
