"""Versions appear whole or not at all, carry their list of ops, and answer in a process without keras_attn."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text
from tensorflow.compiler.tf2xla.python import xla
from tensorflow.core.protobuf import saved_model_pb2

from keras_attn.export import ExportError, audit_saved_model, export_saved_model
from keras_attn.export.saved_model import TEXT_OPS

TEXT = [tf.TensorSpec([None], tf.string, name="text")]
NUMBERS = [tf.TensorSpec([None, 3], tf.float32, name="x")]


class Reader(tf.Module):
    """Folds case (a tensorflow-text op), looks words up in a table, and sums their weights in a while loop."""

    def __init__(self, words=("one", "two", "three")):
        super().__init__()
        initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(words), tf.range(1, 1 + len(words)))
        self.table = tf.lookup.StaticHashTable(initializer, default_value=0)
        self.weights = tf.Variable([0.5, 1.0, 10.0, 100.0])

    @tf.function(input_signature=TEXT, autograph=False)
    def read(self, text):
        words = tf.strings.split(tensorflow_text.case_fold_utf8(text)).to_tensor("")
        values = tf.gather(self.weights, self.table.lookup(words))  # [B, T]

        def body(index, total):
            return index + 1, total + values[:, index]

        start = (tf.constant(0), tf.zeros_like(text, tf.float32))
        _, total = tf.while_loop(lambda index, _: index < tf.shape(values)[1], body, start)
        return {"total": total}


class Slicer(tf.Module):
    """Does what `keras.ops.slice_update` does."""

    @tf.function(input_signature=NUMBERS)
    def update(self, x):
        return {"y": xla.dynamic_update_slice(x, x[:1], tf.constant([1, 0]))}


class Plus(tf.Module):
    @tf.function(input_signature=NUMBERS)
    def call(self, x):
        return {"y": x + 1.0}


def export(folder, module=None):
    module = module or Plus()
    return export_saved_model(module, {"serving_default": module.call}, folder)


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def run_python(code, *arguments):
    """Runs code in a fresh interpreter and gives what it printed, and what it wrote to standard error."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_versions_count_up_from_the_highest(tmp_path):
    folder = tmp_path / "models" / "plus"
    assert export(folder) == folder / "1"
    assert export(str(folder)) == folder / "2"
    for name in ("10", "9", "x99", "²"):
        (folder / name).mkdir()
    assert export(folder) == folder / "11"
    assert names(folder) == sorted(["1", "2", "9", "10", "11", "x99", "²"])


def test_a_version_can_be_read_by_whoever_may_read_its_folder(tmp_path):
    (tmp_path / "plain").mkdir()
    assert export(tmp_path).stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_number_that_another_process_takes_meanwhile_is_left_to_it(tmp_path, monkeypatch):
    replace, theirs = os.replace, tmp_path / "1" / "saved_model.pb"

    def replace_second(source, target):
        if not theirs.exists():
            theirs.parent.mkdir()
            theirs.write_bytes(b"theirs")
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_second)
    assert export(tmp_path) == tmp_path / "2"
    assert theirs.read_bytes() == b"theirs" and names(tmp_path) == ["1", "2"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("place", ["tensorflow.saved_model.save", "os.replace"])
def test_a_failure_leaves_the_good_versions_and_nothing_else(tmp_path, monkeypatch, failure, place):
    good = export(tmp_path)
    before = {path.name: path.read_bytes() for path in good.iterdir() if path.is_file()}
    save = tf.saved_model.save

    def fail(*args, **kwargs):
        if place.endswith("save"):
            save(*args, **kwargs)  # everything is written, then it goes wrong
        raise failure

    monkeypatch.setattr(place, fail)
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(failure if isinstance(failure, type) else (OSError, ExportError)):
            export(folder)
    assert names(tmp_path) == ["1"]
    assert {path.name: path.read_bytes() for path in good.iterdir() if path.is_file()} == before


def test_an_op_that_needs_xla_is_refused_by_name(tmp_path):
    module = Slicer()
    with pytest.raises(ExportError, match=r"keras.ops.scatter_update.*Received: ops=\['XlaDynamicUpdateSlice'\]"):
        export_saved_model(module, {"serving_default": module.update}, tmp_path / "new")
    assert names(tmp_path) == []


def test_an_op_that_tensorflow_does_not_have_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_attn.export.saved_model.TEXT_OPS", TEXT_OPS - {"CaseFoldUTF8"})
    module = Reader()
    with pytest.raises(ExportError, match=r"Received: ops=\['CaseFoldUTF8'\]"):
        export_saved_model(module, {"serving_default": module.read}, tmp_path)
    assert names(tmp_path) == []


def collect_ops(message):
    """Walks a whole protobuf message and gives the `op` of every node, wherever it stands."""
    found = set()
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        if field.message_type.GetOptions().map_entry:
            value = [item for item in value.values() if hasattr(item, "ListFields")]
        for item in [value] if hasattr(value, "ListFields") else value:
            if item.DESCRIPTOR.name == "NodeDef":
                found.add(item.op)
            found |= collect_ops(item)
    return found


def test_the_audit_finds_the_op_of_every_node(tmp_path):
    module = Reader()
    version = export_saved_model(module, {"serving_default": module.read}, tmp_path)
    ops = audit_saved_model(version)
    parsed = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    assert ops == sorted(collect_ops(parsed))
    assert set(ops) >= {"CaseFoldUTF8", "HashTableV2", "VarHandleOp"}
    assert set(ops) & {"While", "StatelessWhile"}
    assert (version / "ops.txt").read_text(encoding="utf-8").splitlines() == ops


def test_the_call_of_a_function_the_model_brings_along_is_no_op(tmp_path):
    saved_model = saved_model_pb2.SavedModel()
    graph = saved_model.meta_graphs.add().graph_def
    graph.node.add(name="a", op="my_function")
    function = graph.library.function.add()
    function.signature.name = "my_function"
    function.node_def.add(name="b", op="Mystery")
    saved_model.meta_graphs.add().graph_def.node.add(name="c", op="AddV2")
    (tmp_path / "saved_model.pb").write_bytes(saved_model.SerializeToString())
    assert audit_saved_model(tmp_path) == ["AddV2", "Mystery"]


TEXTS = ["One TWO", "three", "", "two two unknown"]

WITHOUT_KERAS_ATTN = """
import json, sys
import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session as session

def registered():
    ops = op_def_pb2.OpList.FromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
    return {op.name for op in ops.op}

before = registered()
import tensorflow_text
text_ops = sorted(registered() - before)
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
answers = serve(text=tf.constant(json.loads(sys.argv[2])))["total"].numpy().tolist()
modules = [name for name in sys.modules if name.startswith("keras_attn")]
print(json.dumps({"text_ops": text_ops, "answers": answers, "modules": modules}))
"""


@pytest.fixture(scope="module")
def fresh_process(tmp_path_factory):
    """What a process that has only tensorflow and tensorflow-text says of an exported `Reader`."""
    module = Reader()
    version = export_saved_model(module, {"serving_default": module.read}, tmp_path_factory.mktemp("reader"))
    return json.loads(run_python(WITHOUT_KERAS_ATTN, version, json.dumps(TEXTS))[0])


def test_the_list_of_text_ops_is_what_the_package_registers(fresh_process):
    assert fresh_process["text_ops"] == sorted(TEXT_OPS)


def test_a_process_without_keras_attn_gives_the_same_answers(fresh_process):
    assert fresh_process["modules"] == []
    assert fresh_process["answers"] == [11.5, 101.0, 1.5, 20.5]  # one 1, two 10, three 100, all else and padding 0.5
    module = Reader()
    np.testing.assert_array_equal(fresh_process["answers"], module.read(tf.constant(TEXTS))["total"])


def test_several_signatures_and_concrete_functions(tmp_path):
    module = Plus()
    signatures = {"serving_default": module.call, "again": module.call.get_concrete_function()}
    loaded = tf.saved_model.load(str(export_saved_model(module, signatures, tmp_path)))
    for name in signatures:
        np.testing.assert_array_equal(loaded.signatures[name](x=tf.zeros([2, 3]))["y"], np.ones([2, 3]))


def test_export_writes_nothing_to_standard_error(tmp_path):
    code = """
import sys
import tensorflow as tf
from keras_attn.export import export_saved_model
class Plus(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def call(self, x):
        return {"y": x + 1.0}
module = Plus()
module.call(tf.zeros([1]))
print("from here", file=sys.stderr, flush=True)
export_saved_model(module, {"serving_default": module.call}, sys.argv[1])
"""
    _, errors = run_python(code, tmp_path)
    assert errors.split("from here\n")[1] == ""


def test_a_version_is_finished_or_refused_before_it_is_put_in_place(tmp_path):
    seen = []

    def refuse(version):
        seen.extend(names(version))
        raise ExportError("wrong answers")

    module = Plus()
    with pytest.raises(ExportError, match="wrong answers"):
        export_saved_model(module, {"serving_default": module.call}, tmp_path / "new", refuse)
    assert {"ops.txt", "saved_model.pb", "variables"} <= set(seen) and names(tmp_path) == []


@pytest.mark.long
def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a file system: {mounted.stderr.decode()}")
    try:
        export(disk)
        large = Plus()
        large.weights = tf.Variable(tf.ones([1_000_000]))
        with pytest.raises(ExportError, match=r"No space left on device.*make room.*Received: folder="):
            export(disk, large)
        assert names(disk) == ["1"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    file = tmp_path / "model"
    file.write_text("mine")
    with pytest.raises(ExportError, match=r"is a file: choose another one. Received: folder='.*model'"):
        export(file)
    with pytest.raises(ExportError, match=r"cannot be written to \(Not a directory\)"):
        export(file / "below")
    assert file.read_text() == "mine" and names(tmp_path) == ["model"]


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    make = Path.mkdir

    def mkdir(path, *args, **kwargs):
        if path.name.startswith(".tmp-"):
            raise PermissionError(13, "Permission denied")
        make(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(ExportError, match=r"cannot be written to \(Permission denied\).*Received: folder='.*new'"):
        export(tmp_path / "new")
    assert names(tmp_path) == []


def test_an_export_without_signatures_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"Received: signatures=\{\}"):
        export_saved_model(Plus(), {}, tmp_path / "new")
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [None, b"not a protobuf"])
def test_the_audit_of_what_is_no_saved_model(tmp_path, content):
    if content:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ExportError, match=r"cannot be read as a SavedModel.*Received: path="):
        audit_saved_model(tmp_path)
