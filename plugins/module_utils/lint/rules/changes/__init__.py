"""Changes against the live release.

A block is the same one in two releases when it has the same names or the same path, wherever it stands; a server that
gained or lost some of its names is still the same server. Without a live release these rules find nothing.
"""
