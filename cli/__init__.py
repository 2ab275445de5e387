"""The people's entrance: up, demo, request, watch, setup, keys, schema."""
