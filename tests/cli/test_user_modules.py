"""Errors of the user's own module: one line, with its place."""

import sys

import pytest

from tfp_flows.cli import main

# Each module, its name, with the line and the error that it leads to.
MODULES = {
    "fails": ("def f(x):\n    return {}['key']\n", "line 2: KeyError: 'key'"),
    "divides": ("def f(x):\n    return 1 / 0\n", "line 2: ZeroDivisionError: division"),
    "leaves": ("import sys\n\ndef f(x):\n    sys.exit(0)\n", r"line 4: sys\.exit\(0\)"),
    "leaves_at_once": ("import sys\nsys.exit()\n", r"line 2: sys\.exit\(None\)"),
    "misspelt": ("def f(x):\n    return = x\n", "line 2: SyntaxError: invalid syntax"),
    "undefined": ("\nf = nothing\n", "line 2: NameError: name 'nothing'"),
    "needs_more": ("import no_such_module\n", "line 1: ModuleNotFoundError: .*no_such"),
    "asks_too_much": (
        "import tfp_flows as tff\nf = tff.targets.get('u9')\n",
        "line 2: .*Error: .*u9",
    ),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, (text, _) in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", MODULES)
def test_errors_say_their_place(folder, capsys, name):
    call = ["fit", f"{name}:f", "--event-size", "2", "--num-steps", "5", "--out", "o"]
    assert main(call) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith(f"tfp-flows: error: {folder / name}.py, ")
    with pytest.raises(RuntimeError, match=MODULES[name][1]) as caught:
        main(["--traceback", *call])
    assert caught.value.__cause__ is not None
    assert not (folder / "o" / "flow.npz").exists()


@pytest.mark.parametrize("spec", ["fails.py:f", ".fails:f", "fails:", "a b:f"])
def test_what_is_no_module(folder, capsys, spec):
    assert main(["fit", spec, "--event-size", "2", "--out", "o"]) == 2
    assert "names no target; write module:function" in capsys.readouterr().err
