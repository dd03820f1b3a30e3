"""Settings of a client: layers, the settings in force with their sources, import and export."""

from clients.config.documents import (
    Difference,
    apply,
    as_text,
    create_client,
    differences,
    download,
    export,
    parse,
    read,
)
from clients.config.layers import Effective
from clients.config.problems import ConfigRefused, Problem
from clients.config.schema import ClientConfig
from clients.config.stored import Outline, agency, effective, outline

__all__ = [
    "ClientConfig",
    "ConfigRefused",
    "Difference",
    "Effective",
    "Outline",
    "Problem",
    "agency",
    "apply",
    "as_text",
    "create_client",
    "differences",
    "download",
    "effective",
    "export",
    "outline",
    "parse",
    "read",
]
