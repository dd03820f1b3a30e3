"""What is installed is what pyproject.toml pins, transitive packages included."""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
BRINGERS = {"pip", "setuptools", "wheel", "uv"}  # tools that bring the rest, where somebody put them in as well


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).casefold()


def pins() -> dict[str, str]:
    pairs = (line.split("==") for line in PROJECT["tool"]["uv"]["constraint-dependencies"])
    return {canonical(name): version for name, version in pairs}


def test_every_installed_package_stands_at_its_pin():
    installed = {canonical(found.metadata["Name"]): found.version for found in distributions()}
    installed = {name: version for name, version in installed.items() if name not in BRINGERS}

    assert {
        name: (version, pins().get(name)) for name, version in installed.items() if pins().get(name) != version
    } == {}


def test_every_dependency_says_why_it_is_there():
    lines = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text().splitlines()
    direct = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]

    unexplained = [each for each in direct if not any(f'"{each}",' in line and "# " in line for line in lines)]

    assert unexplained == []
