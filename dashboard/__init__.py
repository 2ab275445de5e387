"""The event stream in a browser.

``row`` and ``board`` summarise the stream, message by message, in bounded space, and use neither clock nor wire;
``view`` keeps a board up to date from the bus, ``pace`` times a replay, ``opened`` describes one request in full,
``app`` answers browsers and ``serve`` runs the dashboard. Everything here only reads. The browser receives data; the
page that shows the data is in ``static``, and inserts text only as text, never as HTML.
"""
