"""The command line for people: up, demo, request, watch, verify, setup, keys, schema."""
