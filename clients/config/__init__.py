"""Settings of a client: layers, the settings in force with their sources, versions, import and export."""

from clients.config.bases import bases_in_words, made_in_words
from clients.config.comparing import compare
from clients.config.documents import Difference, as_text, differences, download, export, flat, nested, parse, read
from clients.config.edits import Edit
from clients.config.layers import Effective, Layer, content_sha256, sha256
from clients.config.own_keys import key_problems
from clients.config.problems import ConfigRefused, Problem
from clients.config.proposing import ChangeNotTaken
from clients.config.returning import bring_back
from clients.config.stored import (
    Stand,
    TemplateCycle,
    below_template,
    built_in,
    effective,
    known_keys,
    layer_of,
    made,
    refuse_circle,
    stand,
    stand_of,
)
from clients.config.writing import (
    Author,
    apply,
    clone,
    create_client,
    hold,
    keep_version,
    newest_version,
    put,
    put_secrets,
    revert,
    save,
    secret,
    with_sealed,
)

__all__ = [
    "Author",
    "ChangeNotTaken",
    "ConfigRefused",
    "Difference",
    "Edit",
    "Effective",
    "Layer",
    "Problem",
    "Stand",
    "TemplateCycle",
    "apply",
    "as_text",
    "bases_in_words",
    "below_template",
    "bring_back",
    "built_in",
    "clone",
    "compare",
    "content_sha256",
    "create_client",
    "differences",
    "download",
    "effective",
    "export",
    "flat",
    "hold",
    "keep_version",
    "key_problems",
    "known_keys",
    "layer_of",
    "made",
    "made_in_words",
    "nested",
    "newest_version",
    "parse",
    "put",
    "put_secrets",
    "read",
    "refuse_circle",
    "revert",
    "save",
    "secret",
    "sha256",
    "stand",
    "stand_of",
    "with_sealed",
]
