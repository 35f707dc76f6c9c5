"""Our own rules, one file each, for faults that ran through real outages.

A rule is a module with ``LEVEL`` and ``run(config, context) -> list[Finding]``; its name is the file's.
"""
