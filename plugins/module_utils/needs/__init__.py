"""What a release requires and does not contain: read from its configuration, compared, met."""
