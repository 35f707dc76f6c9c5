"""Our own rules, one file each, for faults that ran through real outages.

A rule is a module with ``LEVEL`` and ``run(config, context) -> list[Finding]``; its name is the file's. A rule with
``NEW`` weighs that much where there is a live release, which has not this finding. The folders are rooms and no more.
"""
