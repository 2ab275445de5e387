"""The command line for people: up, demo, request, watch, verify, setup, keys, schema.

``commands`` has one command per file. They show ``pages``, act as a ``client``, start a ``system``, ask ``what_if``,
keep ``trust`` (keys, and the verification of events) and write ``wire_documents``.
"""
