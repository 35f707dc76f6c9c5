"""The parts of which the action ``rollout`` makes a step; each has one job, and is given what it needs."""
