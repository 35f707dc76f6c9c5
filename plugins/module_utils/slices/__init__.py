"""A roll-out of several runs, its slices, which all end the same way: by one decision in a store that they share."""
