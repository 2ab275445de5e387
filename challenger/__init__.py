"""The challenger: says of each final event how sure its portfolio is.

It hears final events, and publishes one challenge beside each. It knows no agent and no coordinator, and nobody waits
for it.
"""
