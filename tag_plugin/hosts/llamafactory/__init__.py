"""TAG in LLaMA-Factory; `patches` holds what is registered and changed in the host."""
