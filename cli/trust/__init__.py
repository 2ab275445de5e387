"""Keys and certificates, and the verification of final events."""
