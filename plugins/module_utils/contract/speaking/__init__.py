"""What a check speaks beside HTTP/1.1, a module for each protocol; each is imported when a check wants it."""
