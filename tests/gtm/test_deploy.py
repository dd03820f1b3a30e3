"""The packaging cannot run here, so every command it names is looked up, and every setting it leaves to a person explained."""

import configparser
import importlib
import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

ROOT = Path(settings.BASE_DIR)
DEPLOY = ROOT / "gtm" / "deploy"
MANAGE = re.compile(r"manage\.py (\w+)")
WEB = re.compile(r"granian (.+) ([\w.]+):(\w+)")
CLUSTER = re.compile(r"Q_CLUSTER_NAME[=:] ?(\w+)")


def dockerfile() -> list[str]:
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    ran = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    return ran + [" ".join(json.loads(line.removeprefix("CMD "))) for line in lines if line.startswith("CMD ")]


def compose() -> list[str]:
    return [
        " ".join(json.loads(found)) for found in re.findall(r"command: (\[.*\])", (DEPLOY / "compose.yaml").read_text())
    ]


def procfile() -> list[str]:
    lines = [line.partition(": ")[2] for line in (DEPLOY / "Procfile").read_text().splitlines()]
    return [part for line in lines for part in line.split(" && ")]


def unit(name: str) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.read(DEPLOY / name)
    assert parser.sections() == ["Unit", "Service", "Install"]
    return dict(parser["Service"])


def units() -> list[str]:
    lines = [line for path in sorted(DEPLOY.glob("*.service")) for line in path.read_text().splitlines()]
    return [line.partition("=")[2] for line in lines if line.startswith("Exec")]


EVERYWHERE = {"Dockerfile": dockerfile(), "compose.yaml": compose(), "Procfile": procfile(), "units": units()}


@pytest.mark.parametrize("place", EVERYWHERE)
def test_every_command_that_the_packaging_runs_exists_with_the_options_it_is_given(place):
    named = [(found[1], line) for line in EVERYWHERE[place] if (found := MANAGE.search(line))]

    assert named
    for name, line in named:
        command = load_command_class(get_commands()[name], name)
        options = re.findall(r"(--\w+)", line.partition(f"manage.py {name}")[2])
        known = command.create_parser("manage.py", name)._option_string_actions
        assert [option for option in options if option not in known] == []


@pytest.mark.parametrize("place", ["Dockerfile", "Procfile", "units"])
def test_the_web_server_serves_our_application_with_options_it_knows(place):
    cli = importlib.import_module("granian.cli").cli
    known = {option for parameter in cli.params for option in parameter.opts}

    (line,) = [line for line in EVERYWHERE[place] if WEB.search(line)]

    options, module, name = WEB.search(line).groups()
    assert callable(getattr(importlib.import_module(module), name))
    assert set(re.findall(r"--[\w-]+", options)) <= known


@pytest.mark.parametrize("place", ["compose.yaml", "Procfile"])
def test_both_clusters_are_started_under_their_own_names(place):
    names = CLUSTER.findall((DEPLOY / place).read_text())

    assert sorted(names) == ["ingest", "runs"]


def test_a_worker_unit_ends_with_all_its_children_after_a_run_had_its_time():
    worker = unit("gtm-worker@.service")

    assert worker["environment"] == "Q_CLUSTER_NAME=%i"
    assert worker["killmode"] == "mixed"
    assert int(worker["timeoutstopsec"]) > settings.Q_CLUSTER["ALT_CLUSTERS"]["runs"]["timeout"]


def test_nothing_of_the_packaging_runs_as_root():
    assert unit("gtm-web.service")["user"] == unit("gtm-worker@.service")["user"] == "gtm"
    assert "\nUSER gtm\n" in (DEPLOY / "Dockerfile").read_text()


def test_the_image_holds_every_app():
    copied = set(re.findall(r"^COPY (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))

    ours = {app.partition(".")[0] for app in settings.INSTALLED_APPS if (ROOT / app.partition(".")[0]).is_dir()}
    assert ours | {"manage.py", "pyproject.toml", "templates"} == copied


def test_the_image_is_told_its_commit_when_it_is_built():
    image, services = (DEPLOY / "Dockerfile").read_text(), (DEPLOY / "compose.yaml").read_text()

    assert re.search(r'^ARG GTM_REVISION=""\nENV GTM_REVISION=\$GTM_REVISION$', image, re.MULTILINE)
    assert 'args: {GTM_REVISION: "${GTM_REVISION:-}"}' in services


def test_the_example_names_every_setting_that_the_environment_can_change_and_no_other():
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', (ROOT / "gtm" / "settings.py").read_text()))

    shown = set(re.findall(r"^# ([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert shown - {"DEBUG"} == read - {"DEBUG"}


def test_the_ci_script_is_a_program_that_bash_can_read():
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).returncode == 0


def test_the_ci_script_finds_the_test_command_in_the_readme():
    pattern = re.search(r"grep -m1 -E '([^']+)' README.md", (ROOT / ".ci" / "run").read_text())[1]

    found = re.findall(pattern, (ROOT / "README.md").read_text(), re.MULTILINE)

    assert found == ["python3 -m pip install uv && uv run pytest"]


@pytest.mark.parametrize(
    ("last_line", "said"),
    [
        ({"missed": []}, ""),
        ({"missed": ["chain_ratio", "wide_s", "chain_ms"]}, ""),
        ({"missed": ["chain_ratio", "chain_commits"]}, "Missed, and no load explains it: chain_commits"),
        ({"missed": ["parallel_wal_kb"]}, "Missed, and no load explains it: parallel_wal_kb"),
        ({"missed": ["wide_connections"]}, "Missed, and no load explains it: wide_connections"),
        ({"bench": "engine"}, "KeyError: 'missed'"),
    ],
)
def test_the_ci_script_fails_where_a_bench_misses_what_is_counted_and_not_for_a_slow_machine(last_line, said, tmp_path):
    found = benches(f"round 1\n{json.dumps(last_line)}", tmp_path)

    assert (found.returncode, found.stderr.strip().splitlines()[-1:]) == (int(bool(said)), [said] if said else [])


def test_the_ci_script_fails_where_a_bench_ends_with_an_error(tmp_path):
    assert benches('{"missed": []}', tmp_path, code=3).returncode == 1


def benches(told: str, work: Path, *, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The script's step of that name, with benches that tell this and end so."""
    script = (ROOT / ".ci" / "run").read_text()
    functions = re.findall(r"^(?:benches|counts_hold)\(\) \{.*?^\}$", script, re.MULTILINE | re.DOTALL)
    lines = ["set -uo pipefail", 'uv() { echo "$TOLD"; return "$CODE"; }', *functions, "benches"]
    environment = os.environ | {"work": str(work), "TOLD": told, "CODE": str(code)}
    return subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=ROOT, env=environment, capture_output=True, check=False, text=True
    )
