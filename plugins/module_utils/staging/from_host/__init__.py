"""Staging with a host's own nginx: what the host sends is read and kept, and laid over a platform's image.

What comes from the host runs in nginx's container of a stage and nowhere else: the judge and the stubs are of the
platform's image, and no file of the host gets into a release.
"""
