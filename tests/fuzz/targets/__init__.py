"""The readers of what comes from outside, a file for each: ``run`` takes bytes, ``inputs`` makes likely ones.

``ALLOWED`` are the errors that a reader may raise, which say in words what is wrong; ``SEEDS`` is the folder of inputs
that are kept, by default the target's own name.
"""
