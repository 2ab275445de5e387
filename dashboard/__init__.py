"""The event stream in a browser.

``row`` and ``board`` make a bounded picture of the stream, message by message, and know neither clock nor wire;
``view`` keeps one by following the bus, ``pace`` replays it as fast as it was, ``opened`` tells all of one request,
``app`` answers browsers and ``serve`` runs it. Everything here only reads. What the browser gets is data; the page
that shows it is in ``static``, and puts no text into the page but as text.
"""
