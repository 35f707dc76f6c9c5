"""What a change does: the sets of requests that the candidate handles otherwise than live, by automata."""
