"""Renewal: how the certificates of a release are renewed on its hosts, by clients of ACME that are not Sluice."""
