"""Whose line it is: the smallest part of a change that makes a gate fail, found by trying parts of it in staging."""
