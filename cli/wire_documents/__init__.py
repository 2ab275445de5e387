"""The output of ``podfolio schema``: the AsyncAPI document, JSON Schemas, and the page of the wire."""
