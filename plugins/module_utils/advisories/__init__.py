"""Published vulnerabilities of nginx: which versions have them, and which trees they concern."""
