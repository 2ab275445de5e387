"""The people's entrance: up, demo, request, watch, verify, setup, keys, schema."""
