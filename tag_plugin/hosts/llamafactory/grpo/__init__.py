"""`stage: grpo`: TRL's GRPOTrainer on the host's models, templates, datasets and callbacks."""
