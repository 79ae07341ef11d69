"""The language the model writes: its grammar, its reader, its writer and the one prompt."""
