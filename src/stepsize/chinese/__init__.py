"""The Chinese of the texts that the command line speaks; loaded only where it is spoken.

The keys are the English texts as they stand in the code. A translation has the same fields in braces, in its own order.
"""

from __future__ import annotations

from .answers import ANSWERS
from .doubts import DOUBTS
from .drawn import DRAWN
from .findings import FINDINGS
from .helped import HELPED
from .logs import LOGS
from .phrases import PHRASES
from .reasons import REASONS
from .seen import SEEN
from .sentences import SENTENCES

CATALOGUE: dict[str, str] = SENTENCES | PHRASES | ANSWERS | DOUBTS | DRAWN | HELPED | FINDINGS | REASONS | SEEN | LOGS
