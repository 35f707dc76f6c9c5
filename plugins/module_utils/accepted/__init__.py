"""What people let pass of what the gates found: ``accepted.yml``, each entry of which counts for one change."""
