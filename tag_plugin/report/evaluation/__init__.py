"""The report of one or several evaluations."""
