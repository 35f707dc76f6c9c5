"""What runs inside the containers of staging: standard library only, imported there as the package ``inside``."""
