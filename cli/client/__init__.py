"""Commands as clients of the bus: publish, find, list, record and remove messages; answer in place of a system."""
