"""What a gate examines, what it says, and how gates are found, ordered and run."""
