"""The story as slides."""
