"""Faces with what models said about them: thumbnails, boxes and texts, packed for the browser."""
