"""Write the parts of the documents that the code makes: ``make pages``, or ``python -m documents`` in tests/."""

from __future__ import annotations

from documents import example_messages, first_page, floor, outputs, rooms
from documents.first_page import ADVISERS
from documents.floor import DEMO
from documents.rooms import ARCHITECTURE, PICTURE

if __name__ == "__main__":
    example_messages.write()
    PICTURE.write_text(rooms.picture(), encoding="utf-8")
    ARCHITECTURE.write_text(rooms.with_table(ARCHITECTURE.read_text(encoding="utf-8")), encoding="utf-8")
    DEMO.write_text(floor.with_table(DEMO.read_text(encoding="utf-8")), encoding="utf-8")
    ADVISERS.write_text(first_page.with_page(ADVISERS.read_text(encoding="utf-8")), encoding="utf-8")
    for page in outputs.documents():
        page.write_text(outputs.with_outputs(page.read_text(encoding="utf-8")), encoding="utf-8")
