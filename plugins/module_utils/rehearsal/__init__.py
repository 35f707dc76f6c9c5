"""One tree under two nginx, side by side: what an upgrade would change, before anybody upgrades."""
