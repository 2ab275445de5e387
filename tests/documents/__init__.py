"""The documents: the parts that the code writes, and the rules that all of them keep.

``rooms`` draws the packages from their imports, ``outputs`` runs the commands whose output a page shows, ``words``
counts the words that make a text hard to read. ``python -m documents`` writes the generated parts; the tests compare.
"""
