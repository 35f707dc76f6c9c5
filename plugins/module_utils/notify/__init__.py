"""Messages about runs: what is said to whom, and the process that says it."""
