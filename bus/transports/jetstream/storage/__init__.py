"""Stored messages: publish each once, read the last of each subject, delete."""
