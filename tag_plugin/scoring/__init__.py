"""Judging one completion, and summing up many."""
