"""The story as one page of HTML."""
