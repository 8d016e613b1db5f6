"""The settings of a server, in Python and in YAML."""

import re

import pytest

from keras_attn.serving import KeySettings, ModelSettings, ServerSettings, load_settings

DIGEST = "0123456789abcdef" * 4


def write_model(folder):
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")


def test_names_of_models(tmp_path):
    write_model(tmp_path / "dates" / "3")
    write_model(tmp_path / "other")
    assert ModelSettings(str(tmp_path / "dates")).name == "dates"
    assert ModelSettings(str(tmp_path / "dates" / "3")).name == "dates"
    assert ModelSettings(str(tmp_path / "other")).name == "other"
    assert ModelSettings(str(tmp_path), "mine").name == "mine"


def test_what_is_no_model(tmp_path):
    (tmp_path / "config.yaml").write_text("task: translation")
    with pytest.raises(ValueError, match="keras-attn export"):
        ModelSettings(str(tmp_path), "a").check_folder()
    with pytest.raises(ValueError, match="is no folder"):
        ModelSettings(str(tmp_path / "x"), "a").check_folder()
    (tmp_path / "config.yaml").unlink()
    write_model(tmp_path / "b" / "dates" / "1")
    with pytest.raises(ValueError, match=r"holds models, not versions of one: serve .*/b/\*"):
        ModelSettings(str(tmp_path / "b")).check_folder()
    with pytest.raises(ValueError, match=r"holds no version.*Received: folder="):
        ModelSettings(str(tmp_path), "a").check_folder()


def test_a_file(tmp_path):
    write_model(tmp_path / "models" / "dates" / "3")
    path = tmp_path / "serve.yaml"
    path.write_text(f"""
port: 9000
seconds: 2.5
models:
  - folder: models/dates
    versions: [3, 4]
    labels: {{stable: 3}}
keys:
  - {{name: ada, sha256: {DIGEST}, per_second: 10}}
""")
    settings = load_settings(path)
    assert settings == ServerSettings(
        [ModelSettings(str(tmp_path / "models/dates"), "dates", (3, 4), {"stable": 3})],
        port=9000,
        seconds=2.5,
        keys=[KeySettings("ada", DIGEST, 10)],
    )
    settings.models[0].check_folder()
    path.write_text("")
    assert load_settings(path) == ServerSettings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "serve.yaml:1: not valid YAML"),
        ("[1]", "names and values"),
        ("prot: 1", "Did you mean `port`?"),
        ("port: 70000", "0 to 65535"),
        ("port: '80'", "0 to 65535"),
        ("seconds: 0", "`seconds` must be a number above 0"),
        ("seconds: .inf", "`seconds` must be a number above 0"),
        ("poll_seconds: .nan", "`poll_seconds` must be a number above 0"),
        ("max_waiting: 1.5", "`max_waiting` must be a whole number"),
        ("max_rows: 3", "unknown name"),
        ("log_texts: 1", "true or false"),
        ("tls_key: nowhere", "belong together"),
        ("{tls_key: nowhere, tls_certificate: nowhere}", "must be a file"),
        ("models: {folder: a}", "`models` must be a list"),
        ("models: [{name: a}]", "entry 1 lacks `folder`"),
        ("models: [{folder: a, foldr: b}]", "models, entry 1: unknown name. Did you mean `folder`?"),
        ("models: [{folder: a, versions: newest}]", "latest, all"),
        ("models: [{folder: a, versions: []}]", "latest, all"),
        ("models: [{folder: a, labels: {x: 'one'}}]", "version's number"),
        ("models: [{folder: a, max_rows: 0}]", "max_rows"),
        ("models: [{folder: a}, {folder: b/a}]", "different names"),
        ("models: [{folder: a, name: ../a}]", "letters, digits"),
        ("keys: [{name: ada, sha256: secret}]", "64 hexadecimal digits"),
        (f"keys: [{{name: ada, sha256: {DIGEST}, per_second: -1}}]", "per_second"),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    path = tmp_path / "serve.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(words)) as raised:
        load_settings(path)
    assert "secret" not in str(raised.value)
