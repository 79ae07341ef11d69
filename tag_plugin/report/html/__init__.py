"""One offline HTML file: everything inside, a strict policy, nothing run from data."""
