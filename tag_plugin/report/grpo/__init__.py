"""The report of a GRPO run's directory."""
