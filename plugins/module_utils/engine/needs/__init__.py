"""What a release needs of this host: whether it is there, and what there is instead. Looks only, and makes nothing."""
