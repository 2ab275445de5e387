"""The story of an event: sections of sentences and tables, independent of the output format."""
