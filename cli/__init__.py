"""The people's entrance: up, demo, request, watch, setup, schema."""
