"""What a release does, beside what the live one does: asked, compared, told."""
