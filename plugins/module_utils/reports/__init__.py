"""What people and programs read of a run: the console's tables, the page, JUnit, SARIF."""
