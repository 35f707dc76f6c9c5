"""The thin edges: files, processes, kernel calls, nginx itself."""
