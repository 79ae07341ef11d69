"""quality: is this frame good enough to learn from? Measures, limits and the stage."""
