"""`python -m tag_plugin` is `tag-plugin`."""

from tag_plugin.cli import main

main()
