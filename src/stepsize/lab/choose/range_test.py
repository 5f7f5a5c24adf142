from typing import Any


def find(a: Any, b: Any) -> Any: ...
