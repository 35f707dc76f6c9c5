"""Reading nginx configuration: the directives of a tree, with file and line."""
