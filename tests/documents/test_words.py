"""The count of words finds what is hard to read, and leaves out what is no sentence."""

from __future__ import annotations

import click

from documents.words import docstrings_and_comments, help_texts, prose, report


def test_docstrings_and_comments_are_counted_and_code_is_not() -> None:
    source = '''"""Say what it is."""\nwhat = "it"  # nobody knows\nit = what  # noqa: X1 - what\n'''

    text = docstrings_and_comments("module.py", source)

    assert text.counts() == {"what": 1, "it/its": 1, "nothing/nobody/somebody": 1}
    assert text.size == 6


def test_of_a_page_its_sentences_are_counted_without_commands_code_and_addresses() -> None:
    page = "What `it` [is](what.md): see docs/what-if.md.\n\n    what it\n\n```\nwhat\n```\n<!-- what -->\nIts end.\n"

    assert prose("page.md", page).counts() == {"what": 1, "it/its": 1, "nothing/nobody/somebody": 0}


def test_help_is_that_of_all_commands_and_options() -> None:
    @click.group(help="What a group does.")
    def group() -> None: ...

    @group.command(help="Nothing.")
    @click.option("--it", help="What it is.")
    def sub(it: str) -> None: ...

    found = {text.name: text.words for text in help_texts(group, "tool")}

    assert found == {"tool": "what a group does.", "tool sub": "nothing. what it is."}


def test_a_count_above_its_limit_is_reported_with_the_worst_texts() -> None:
    good, bad = prose("good.md", "word " * 900), prose("bad.md", "what word " * 50)

    lines, excess = report("pages", [good, bad])

    assert (excess, report("pages", [good])[1]) == (True, False)
    assert lines[0] == "pages: 1,000 words; per 1,000: what 50.0, it/its 0.0, nothing/nobody/somebody 0.0"
    assert lines[1:] == ["  bad.md: 50 x what", "  good.md: 0 x what"]


def test_the_descriptions_of_fields_are_read() -> None:
    source = 'units: Annotated[int, Field(ge=1, description=f"What {WHOSE} buys: it counts.")]'

    assert docstrings_and_comments("a.py", source).counts() == {"what": 1, "it/its": 1, "nothing/nobody/somebody": 0}
