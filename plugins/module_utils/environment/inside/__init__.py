"""What runs inside the containers of staging: standard library and h2, imported there as the package ``inside``."""
