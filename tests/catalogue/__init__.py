"""The catalogue of all sentences that reach people, found in the code that says them: ``docs/messages.md``.

No sentence lives here. ``sentences`` finds them in the code, ``provoked`` runs that code so that it says them,
``places`` knows where a person meets which, and ``page`` writes the document.
"""
