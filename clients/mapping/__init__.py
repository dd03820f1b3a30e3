"""A CRM's fields to ours, by the rows of a mapping. Pure.

`row.py` is the row, `paths.py` the language of its path, `transforms.py` the table of what may be done to a value.
"""

from clients.mapping.applying import Mapped as Mapped
from clients.mapping.applying import apply as apply
from clients.mapping.applying import words as words
from clients.mapping.checking import Problem as Problem
from clients.mapping.checking import check as check
from clients.mapping.paths import names_in as names_in
from clients.mapping.paths import text as text
from clients.mapping.row import CUSTOM as CUSTOM
from clients.mapping.row import Direction as Direction
from clients.mapping.row import Row as Row
from clients.mapping.row import Traced as Traced
from clients.mapping.unread import unread as unread
