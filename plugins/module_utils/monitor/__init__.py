"""What watches the hosts between deployments: probes, rules, and what each host tells of itself."""
