"""Mappings as they are kept: versions of a connection, tried and compared before they hold.

`inbox` asks `in_force`; the pages use the rest. How a row works stands in `clients/mapping`.
"""

from clients.mappings.reading import maps as maps
from clients.mappings.reading import read as read
from clients.mappings.stored import MappingRefused as MappingRefused
from clients.mappings.stored import Moved as Moved
from clients.mappings.stored import activate as activate
from clients.mappings.stored import discard as discard
from clients.mappings.stored import draft as draft
from clients.mappings.stored import go_back as go_back
from clients.mappings.stored import in_force as in_force
from clients.mappings.stored import mark as mark
from clients.mappings.stored import preset as preset
from clients.mappings.stored import rows_of as rows_of
from clients.mappings.stored import save_draft as save_draft
