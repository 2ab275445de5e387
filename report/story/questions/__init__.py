"""The five questions of a customer, and the answers of an event."""
