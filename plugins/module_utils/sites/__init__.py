"""The typed way: ``nginx_sites`` checked, modelled and planned as files."""
