"""The Chinese of the texts that the command line speaks; loaded only where it is spoken.

The keys are the English texts as they stand in the code. A translation has the same fields in braces, in its own order.
"""

from __future__ import annotations

from .answers import ANSWERS
from .compared import COMPARED
from .compared_page import COMPARED_PAGE
from .data import READ
from .doubts import DOUBTS
from .drawn import DRAWN
from .helped import HELPED
from .judged import JUDGED
from .phrases import PHRASES
from .placed import PLACED
from .sentences import SENTENCES

COMPARISONS = COMPARED | COMPARED_PAGE | JUDGED | READ | PLACED
CATALOGUE: dict[str, str] = SENTENCES | PHRASES | ANSWERS | DOUBTS | DRAWN | HELPED | COMPARISONS
