"""Our own rules, one file each, for faults that caused real outages. A rule's name is the file's.

A rule is a module with ``LEVEL`` and either ``run(config, context)`` or, where it needs a live release,
``compare(config, live)``; both yield findings. ``NEW`` is the level of a finding that the live release does not have,
``ACCEPTED_BY_TREE = False`` keeps comments in the tree from accepting it, ``EDITS_COUNT = True`` makes
a finding on an edited line a new one, for lines that do nothing, and ``SINCE`` is the first version that has the rule
(0.1.0 unless given). Its docstring is its page in docs/lint; the folders are the page's topics.
"""
