"""JSON that somebody else wrote: whatever is wrong with it is a ValueError.

Python's own parser gives up at deep nesting with a RecursionError, which is no answer to a file that anybody may have left.
"""

from __future__ import annotations

import json


def parse_json(text: str | bytes) -> object:
    """The value; ValueError if it is not JSON, or nested deeper than anything that is worth reading."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
