"""The parts of a site, each with its keys and its reader."""
