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
from .findings import FINDINGS
from .found import FOUND
from .helped import HELPED
from .judged import JUDGED
from .logs import LOGS
from .mistyped import MISTYPED
from .phrases import PHRASES
from .placed import PLACED
from .reasons import REASONS
from .refusals import REFUSALS
from .scaled import SCALED
from .seen import SEEN
from .sentences import SENTENCES
from .tuned import REFUSED, TUNED
from .words import WORDS

CATALOGUE: dict[str, str] = (
    ANSWERS
    | COMPARED
    | COMPARED_PAGE
    | READ
    | DOUBTS
    | DRAWN
    | FINDINGS
    | FOUND
    | HELPED
    | JUDGED
    | LOGS
    | MISTYPED
    | PHRASES
    | PLACED
    | REASONS
    | REFUSALS
    | SCALED
    | SEEN
    | SENTENCES
    | TUNED
    | REFUSED
    | WORDS
)
