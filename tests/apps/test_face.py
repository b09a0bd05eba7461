"""The face of the command: quick, and readable."""

import subprocess
import sys
import time

import pytest

from pogson.apps.cli.main import VERBS


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)


def test_help_answers_at_once_without_the_heavy_libraries():
    heavy = "'numpy', 'astropy', 'numba', 'scipy', 'matplotlib', 'pyarrow', 'rich'"
    script = (
        "import sys\n"
        "from pogson.apps.cli.main import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        f"    print('loaded:', [m for m in ({heavy}) if m in sys.modules])\n"
    )
    assert "loaded: []" in python("-c", script).stdout
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        python("-m", "pogson", "--help")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3


def test_import_pogson_is_light_and_all_verbs_resolve():
    python("-c", "import sys, pogson; assert not {'numpy', 'astropy', 'numba'} & set(sys.modules)")
    import pogson

    for name in pogson.__all__:
        assert getattr(pogson, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        _ = pogson.rnu
    assert set(dir(pogson)) == set(pogson.__all__)


def test_the_list_of_verbs_stands_in_the_help(pogson):
    text = pogson("--help").out
    for verb, (_, about) in VERBS.items():
        assert f"  {verb} " in text
        assert about.split(":")[0][:30] in text
    assert "Exit codes: 0 all good; 3 finished, but some frames failed; 2 wrong use" in text


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_reads_well(pogson, verb):
    text = pogson(verb, "--help").out
    assert text.startswith(f"Usage: pogson {verb} ")
    assert "\\b" not in text and "\b" not in text and ":ref:" not in text and "``" not in text
    about = text.split("\n\n")[1].strip()
    assert about[0].isupper() and about.endswith(".")
    options = [line.split("  ")[1:] for line in text.splitlines() if line.startswith("  --")]
    assert verb == "new" or options


def test_versions_are_told(pogson):
    from pogson import __version__

    assert __version__ in pogson("--version").out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("rum", "night"), "there is no verb 'rum'; did you mean 'run'?"),
        (("zzz",), "there is no verb 'zzz'; there is run, scan"),
        (("run", "night"), "Missing option '--out'"),
        (("run", "--out", "o"), "Missing argument 'NIGHT'"),
        (("run", "night", "--out", "o", "--overwritte"), "Did you mean '--overwrite'?"),
        (("run", "night", "--out", "o", "--workers", "two"), "'--workers'"),
        (("run", "night", "--out", "o", "--workers", "-1"), "'--workers'"),
        (("run", "night", "--out", "o", "--memory", "0"), "'--memory'"),
        (("detect", "a.fits", "--treshold", "3"), "Did you mean '--threshold'?"),
        (("detect", "a.fits", "--threshold", "three"), "--threshold must be a number, got 'three'"),
        (("run", "night", "--out", "o", "--set", "detect.treshold=4"), "did you mean 'threshold'?"),
        (("run", "night", "--out", "o", "--set", "camera.gain=-1"), "[camera] gain must be a number above 0"),
    ],
)
def test_wrong_use_is_one_line_with_the_right_word(pogson, words, hint):
    answer = pogson(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.line.startswith("pogson: ")
    assert hint in answer.line
