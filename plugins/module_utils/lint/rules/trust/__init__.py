"""What a change of the tree alone must not bring: code, root, and the files of others."""
