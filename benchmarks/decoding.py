"""Translating with our SavedModel, beside CTranslate2 with the same weights, in one run.

    python benchmarks/decoding.py --run RUN [--data SRC TGT] [--shortlist SRC TGT] [--limit N] [--rounds N] [--quick]
        [--json]

The run is exported as `keras-attn export` does, and converted for CTranslate2 in float32 and in int8. Each works in a
process of its own with two threads and translates the same sentences (Multi30k test2016 under KERAS_ATTN_DATA, or
`--data`) in the same batches, in turn, so that a machine that slows down slows all. Ours begins and ends with texts;
CTranslate2 is given tokens and gives tokens. A ratio "vs" is our sentences a second over theirs, by medians of the
rounds; "fastest" is the fastest of our exports: bfloat16 is one of them where the processor multiplies it. From the
pairs of `--shortlist` one is learnt for a further export in float32, which counts for its own ratio alone. `--quick`
takes a small model with random weights, to show that all works: no figures. With `--json` the last line is one JSON
object. CTranslate2 comes with the extra `ctranslate2`.
"""

import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path

from bench import Bench, new_parser, ratio, serve

THREADS = 2
CASES = {
    "beam4_batch64": {"beam_size": 4, "batch_size": 64},
    "greedy_batch64": {"beam_size": 1, "batch_size": 64},
    "beam4_batch1": {"beam_size": 4, "batch_size": 1},
}


def main():
    parser = new_parser(__doc__, WORKERS, quick="a small model, random weights and few sentences")
    parser.add_argument("--run", help="run folder of a translation; needed without --quick")
    parser.add_argument("--data", nargs="+", help="source and target file (default: Multi30k test2016)")
    parser.add_argument("--shortlist", nargs="+", help="source and target file to learn a shortlist from")
    parser.add_argument("--limit", type=int, help="use the first N pairs (default: all); 1 in 10 one by one")
    options = parser.parse_args()
    if options.worker:
        return serve(WORKERS[options.worker]())
    if not (options.run or options.quick):
        parser.error("give the run folder of a trained translation: --run RUN")
    task, sources, targets = quick() if options.quick else trained(options)
    with tempfile.TemporaryDirectory() as folder:
        written = write(task, Path(folder), options.shortlist)
        bench = Bench(options.rounds or (1 if options.quick else 5), runs=("translate",))
        results = measure(task, bench, written, sources, targets)
        bench.close()
    if options.json:
        print(json.dumps(results))
    return 0


def trained(options):
    from keras_attn import Translation
    from keras_attn.data import read_parallel_text

    pairs = read_parallel_text(options.data or multi30k())
    return Translation.load(options.run), pairs.sources[: options.limit], pairs.targets[: options.limit]


def multi30k():
    folder = Path(os.environ.get("KERAS_ATTN_DATA", "data"), "translation", "multi30k", "raw")
    return [str(folder / f"test_2016_flickr.{language}.gz") for language in ("en", "de")]


def quick():
    from keras_attn import Translation
    from keras_attn.tasks.translation_model import new_model
    from keras_attn.text import SubwordTokenizer

    texts = ["a man in a hat", "a dog on a mat", "two men ride", "the hat of the man in the red car", "a red mat"] * 2
    sizes = {"num_layers": 1, "hidden_dim": 16, "num_heads": 2, "intermediate_dim": 16}
    task = Translation("tiny", tokenizer="bpe", max_length=24, precision="float32", **sizes)
    task.tokenizer = SubwordTokenizer.train(texts, 40, "bpe")
    task.model = new_model(task.settings, 40)
    return task, texts, texts


def write(task, folder, pairs):
    """Exports for each library and beam; gives the folders by library and, for ours, by beam."""
    from keras_attn.export.ctranslate2 import write_ctranslate2
    from keras_attn.training.precision import cpu_has_bfloat16

    vocabulary = task.tokenizer.pieces(range(task.tokenizer.vocabulary_size))
    written = {
        "ct2_float32": str(write_ctranslate2(task.model, folder / "float32", vocabulary)),
        "ct2_int8": str(write_ctranslate2(task.model, folder / "int8", vocabulary, "int8")),
    }
    for dtype in ("float32", "bfloat16")[: 1 + cpu_has_bfloat16()]:
        written[f"ours_{dtype}"] = {n: write_ours(task, dtype, n, folder / f"{dtype}-{n}") for n in (1, 4)}
    if pairs:
        from keras_attn.data import read_parallel_text
        from keras_attn.tasks.translation_export import learn_shortlist

        shortlist = learn_shortlist(task, read_parallel_text(pairs))
        written["shortlist"] = {n: write_ours(task, "float32", n, folder / f"short-{n}", shortlist) for n in (1, 4)}
    return written


def write_ours(task, dtype, beam_size, folder, shortlist=None):
    """The signature `serving_default` of `Translation.export` and no other: these take long to trace."""
    import tensorflow as tf

    from keras_attn.decoding import Beam, Greedy
    from keras_attn.export import export_saved_model
    from keras_attn.tasks.translation_model import new_model
    from keras_attn.tasks.translator import Translator

    precision = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[dtype]
    model = new_model(dataclasses.replace(task.settings, precision=precision), task.tokenizer.vocabulary_size)
    model.set_weights(task.model.get_weights())
    translator = Translator(model, task.tokenizer, task.settings.max_length, shortlist)
    # As CTranslate2 has it: scores are means of a token, and a search ends with as many hypotheses as the beam is wide.
    strategy = Greedy("average") if beam_size == 1 else Beam(beam_size, "average", exact=False)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")], autograph=False)
    def serve(text):
        texts, scores = translator.translate(text, strategy)
        return {"text": texts[:, 0], "score": scores[:, 0]}

    return str(export_saved_model(translator, {"serving_default": serve}, folder))


def measure(task, bench, written, sources, targets):
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    tokens = [task.tokenizer.pieces(row) for row in task.tokenizer.tokenize(sources).to_list()]
    bleu, results = {}, {}
    for name, case in CASES.items():
        chosen = order[:: 10 if case["batch_size"] == 1 else 1]
        rows = {}
        for library, path in written.items():
            inputs = tokens if library.startswith("ct2") else sources
            rows[library] = {
                **case,
                "folder": path[case["beam_size"]] if isinstance(path, dict) else path,
                "max_length": task.settings.max_length,
                "inputs": [inputs[i] for i in chosen],
            }
        rows = bench.measure_each(rows)
        results[name] = compare(rows, len(chosen))
        print(f"  {name:15s}", results[name], flush=True)
        if name == "beam4_batch64":
            references = [targets[i] for i in chosen]
            bleu = {lib: task.score(texts(task, row["answers"]), references)["bleu"] for lib, row in rows.items()}
    results["bleu"] = {library: round(value, 2) for library, value in bleu.items()}
    results["bleu_difference"] = round(abs(bleu["ours_float32"] - bleu["ct2_float32"]), 2)
    print("  BLEU", results["bleu"])
    return results


def compare(rows, count):
    ours = {library: row for library, row in rows.items() if library.startswith("ours")}
    fastest = min(ours, key=lambda library: ours[library]["translate"])
    speeds = {f"{library}_per_second": round(count / row["translate"] * 1e3, 1) for library, row in rows.items()}
    short = rows.get("shortlist")
    return {
        "vs_ct2_float32": ratio(rows["ct2_float32"], ours["ours_float32"], "translate"),
        "fastest_vs_ct2_float32": ratio(rows["ct2_float32"], ours[fastest], "translate"),
        "fastest_vs_ct2_int8": ratio(rows["ct2_int8"], ours[fastest], "translate"),
        "fastest": fastest,
        **({"shortlist_vs_ct2_float32": ratio(rows["ct2_float32"], short, "translate")} if short else {}),
        **speeds,
    }


def texts(task, answers):
    """Texts as they are, and tokens by way of their ids."""
    if isinstance(answers[0], str):
        return answers
    import tensorflow as tf

    ids = {piece: i for i, piece in enumerate(task.tokenizer.pieces(range(task.tokenizer.vocabulary_size)))}
    ids = tf.ragged.constant([[ids[token] for token in tokens] for tokens in answers], tf.int32, ragged_rank=1)
    return [text.decode("utf-8") for text in task.tokenizer.detokenize(ids).numpy()]


class Worker:
    """What translates batch by batch and remembers its answers."""

    def prepare(self, case):
        inputs, size = case["inputs"], case["batch_size"]
        translate = self.translator(case)
        batches = [inputs[i : i + size] for i in range(0, len(inputs), size)]

        def run():
            self.answers = [answer for batch in batches for answer in translate(batch)]

        return {"translate": run}

    def told(self):
        return {"answers": self.answers}


class Ours(Worker):
    def __init__(self):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import tensorflow as tf
        import tensorflow_text  # noqa: F401 registers the tokenizers' ops

        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)
        self.tf = tf

    def translator(self, case):
        self.model = self.tf.saved_model.load(case["folder"])
        serve = self.model.signatures["serving_default"]
        return lambda texts: [text.decode("utf-8") for text in serve(text=self.tf.constant(texts))["text"].numpy()]


class CTranslate2(Worker):
    def translator(self, case):
        from ctranslate2 import Translator

        translator = Translator(case["folder"], intra_threads=THREADS, inter_threads=1)
        options = {"beam_size": case["beam_size"], "max_decoding_length": case["max_length"]}
        return lambda batch: [found.hypotheses[0] for found in translator.translate_batch(batch, **options)]


WORKERS = {
    "ours_float32": Ours,
    "ours_bfloat16": Ours,
    "shortlist": Ours,
    "ct2_float32": CTranslate2,
    "ct2_int8": CTranslate2,
}

if __name__ == "__main__":
    sys.exit(main())
