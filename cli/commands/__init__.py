"""The commands, one per file; each imports its modules when it runs, so that --help is quick."""
