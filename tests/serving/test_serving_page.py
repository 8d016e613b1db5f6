"""docs/serving.md says what is so: its blocks run, its settings are all there are, its flags exist."""

import dataclasses
import re
from pathlib import Path

import pytest

from keras_attn.cli import main
from keras_attn.serving import KeySettings, ModelSettings, ServerSettings, load_settings
from tests.serving.running_server import RunningServer

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_settings(tmp_path):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("")
    (text,) = blocks("yaml")
    path = tmp_path / "serve.yaml"
    path.write_text(text)
    settings = load_settings(path)
    assert settings.models[0].labels == {"stable": 1, "canary": 2} and settings.keys[0].per_second == 50
    for kind in (ServerSettings, ModelSettings, KeySettings):
        for field in dataclasses.fields(kind):
            if (kind, field.name) != (ModelSettings, "name"):
                assert re.search(rf"\b{field.name}:", text), f"docs/serving.md does not name {field.name}"
    defaults = ServerSettings()
    for name in ("port", "max_body_bytes", "max_instances", "max_text_bytes", "max_waiting", "seconds", "load_seconds"):
        assert getattr(settings, name) == getattr(defaults, name)


def test_the_client(capsys):
    running = RunningServer(ServerSettings([ModelSettings(str(ROOT / "saved_models" / "dates"))]), in_process=True)
    try:
        code = blocks("python")[0].replace("127.0.0.1:8501", f"127.0.0.1:{running.port}")
        exec(compile(code, "docs/serving.md", "exec"), {})
    finally:
        running.stop()
    assert capsys.readouterr().out.splitlines() == ["1987-06-12", "DT_STRING"]


def test_the_ray_application(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="needs Ray: pip install 'keras_attn[ray]'")
    monkeypatch.chdir(tmp_path)
    Path("serve.yaml").write_text(f"models: [{{folder: {ROOT / 'saved_models' / 'dates'}}}]")
    namespace = {}
    exec(compile(blocks("python")[1], "docs/serving.md", "exec"), namespace)
    assert type(namespace["application"]).__name__ == "Application"


def test_the_flags(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    lines = [line for block in blocks("console") for line in block.splitlines() if "keras-attn serve" in line]
    used = {flag for line in lines for flag in re.findall(r"--[a-z-]+", line)}
    assert lines and used <= known


def test_the_files_of_other_engines(tmp_path, capsys):
    assert main(["serve", str(ROOT / "saved_models" / "dates"), "--write-config", str(tmp_path / "deploy")]) == 0
    written = [Path(line).relative_to(tmp_path).as_posix() for line in capsys.readouterr().out.splitlines()]
    (block,) = [block for block in blocks("console") if "--write-config" in block]
    assert block.splitlines()[1:] == written
