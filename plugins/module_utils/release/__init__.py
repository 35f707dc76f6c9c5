"""Releases on the controller: made of layers, named by their manifest, kept in a store."""
