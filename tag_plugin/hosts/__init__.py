"""Adapters to the programs that TAG runs inside; each host is a folder that knows only itself."""
