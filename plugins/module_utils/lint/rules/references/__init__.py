"""Rules about names that lead to something else."""
