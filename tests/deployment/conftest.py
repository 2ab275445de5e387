"""The rendered installation, once for the tests of a file."""

from __future__ import annotations

import pytest
from rendered import Rendered, render


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """What would be applied."""
    return render(tmp_path_factory.mktemp("kubernetes"))
