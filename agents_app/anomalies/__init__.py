"""What is unusual about runs that ended: hard rules, robust baselines of a client, windows between versions.

Rows are read (`reading`) into plain values (`seen` ●), which `rules` ●, `baselines` ● and `shifts` ● judge. `looking`
is the job: each run once, what it found kept as `Anomaly` rows with the change that came before (`changing`). A person
settles them.
"""

from agents_app.anomalies.looking import look, settle

__all__ = ["look", "settle"]
