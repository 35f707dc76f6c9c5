"""What several controllers and their hosts know together: a few keys in a store that lets one writer win."""
