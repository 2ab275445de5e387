"""The archive: seals, their verification, exported copies, and the record of one request."""
