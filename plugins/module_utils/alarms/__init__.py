"""Alarms of others: what somebody else watches, and what stops a roll-out when it begins to burn."""
