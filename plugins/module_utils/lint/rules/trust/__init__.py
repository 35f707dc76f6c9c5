"""What a change of the tree alone must not do.

Whoever may change the tree must not gain more than that: run programs on the hosts, read their files, or reach what is
for the hosts alone. Links of the release and variables that ``set``, ``map``, ``geo`` and ``split_clients`` fill are
followed. No comment in the tree accepts such a finding; ``gates_lint_accept``, which stands in the inventory, does.
"""
