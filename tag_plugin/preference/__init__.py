"""Which of two models' answers do judges prefer: pairs, an LLM judge, human raters, and numbers."""
