"""Charts as inline SVG, drawn in Python: they need no script and follow the page's colours."""
