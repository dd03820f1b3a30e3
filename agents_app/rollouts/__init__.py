"""Rollouts: a candidate gets a growing share of one agent's work, and loses it by itself where it is worse.

`choosing` draws runs that are planned; `starting` begins one, `watching` looks at what came and moves the share or the
label; `proxies` reads the outcomes of both versions, `impact` ● says what was expected and how that came out. The rules
stand in `agents_app/rollout_rules.py` ●.
"""

from agents_app.rollouts.choosing import Chosen, prompts_for
from agents_app.rollouts.starting import RolloutRefused, expected_of, start
from agents_app.rollouts.watching import look, look_at_all, stop

__all__ = ["Chosen", "RolloutRefused", "expected_of", "look", "look_at_all", "prompts_for", "start", "stop"]
