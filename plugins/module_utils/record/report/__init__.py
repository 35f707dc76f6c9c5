"""``report.html``: what one page shows of a run, and how."""
