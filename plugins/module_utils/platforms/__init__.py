"""What platforms are, as data: a file for each family of distributions, each source of nginx and each package manager.

Nothing else in the collection knows a distribution. ``catalog`` reads the files, ``detection`` finds what a host is.
"""
