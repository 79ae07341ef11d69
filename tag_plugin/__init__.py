"""TAG for LLaMA-Factory and lmms-eval. Importing this package loads nothing else."""

__version__ = "0.2.0"
