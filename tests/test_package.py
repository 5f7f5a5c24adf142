"""What is published: the wheel, the source archive, the conda recipe and the citation say and hold the same."""

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import stepsize

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RECIPE = (ROOT / "packaging/conda/recipe.yaml").read_text()


def test_every_file_names_this_version():
    assert f"version: {stepsize.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f'version: "{stepsize.__version__}"\n' in RECIPE


def test_the_changes_begin_with_this_version_and_its_day():
    version, day = re.search(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M).groups()
    assert version == stepsize.__version__
    assert f"date-released: {day}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_page_that_the_changes_name_is_there():
    for page in re.findall(r"\]\(([^)]+)\)", (ROOT / "CHANGELOG.md").read_text()):
        assert (ROOT / page).is_file(), page


def test_the_recipe_asks_for_what_the_project_asks_for():
    asked = re.search(r"^  run:\n((?:    - .*\n)+)", RECIPE, re.M).group(1)
    listed = [one.removeprefix("    - ").replace(" ", "") for one in asked.splitlines()]
    assert listed == ["python>=${{python_min}}", *PROJECT["dependencies"]]
    assert f'python_min: "{PROJECT["requires-python"].removeprefix(">=")}"' in RECIPE
    assert all(f"{name} = {target}" in RECIPE for name, target in PROJECT["scripts"].items())
    assert all(one in RECIPE for one in PROJECT["license-files"])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    if importlib.util.find_spec("build") is None or importlib.util.find_spec("hatchling") is None:
        pytest.skip("build or hatchling is not installed: make packages")
    made = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return made


def test_the_wheel_holds_the_library_and_no_more(built):
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    library = {str(one.relative_to(ROOT / "src")) for one in (ROOT / "src").rglob("*") if one.is_file()}
    library = {one for one in library if "__pycache__" not in one}
    assert "stepsize/py.typed" in library
    assert {one for one in names if ".dist-info/" not in one} == library
    for one in PROJECT["license-files"]:
        assert any(name.endswith(f"/licenses/{one}") for name in names), one


def test_the_source_archive_can_be_tested(built):
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {one.partition("/")[2] for one in opened.getnames()}
    assert {"pyproject.toml", "LICENSE", "Makefile", "tests/test_package.py", "docs/start.md", "CITATION.cff"} <= names
    assert not [one for one in names if one.startswith((".venv", "out/", "dist/"))]
