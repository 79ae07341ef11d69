"""Charts as inline SVG: they need no script and follow the page's colours.

What is where is computed here; `html/templates/charts.html.j2` writes the elements.
"""
