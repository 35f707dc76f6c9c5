"""Certificates and keys.

Certificates are read where the tree contains them, or where ``staging_docroots`` maps their directory.
"""
