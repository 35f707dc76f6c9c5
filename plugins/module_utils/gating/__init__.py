"""Takes releases through the gates: stages, the gates in their order, culprits, receipts."""
