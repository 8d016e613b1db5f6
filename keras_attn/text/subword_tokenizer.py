"""A tokenizer of subwords: SentencePiece, trained from texts in memory, run by tensorflow-text."""

import hashlib
import io
import re
from collections.abc import Iterable
from pathlib import Path

import sentencepiece
import tensorflow as tf
import tensorflow_text as tf_text
from sentencepiece import sentencepiece_model_pb2
from tensorflow_text.python.ops.sentencepiece_tokenizer import gen_sentencepiece_tokenizer

from keras_attn.text.bpe_dropout import draw_divisions
from keras_attn.text.tokenizer import (
    END_ID,
    PADDING_ID,
    REPLACEMENT_CHARACTER,
    START_ID,
    UNKNOWN_ID,
    Tokenizer,
    join_pieces,
    largest_vocabulary_error,
    smallest_vocabulary_error,
    training_lines,
)

ALGORITHMS = ("unigram", "bpe")
MODEL_FILE = "subword.model"
# SentencePiece's unigram training slows down and fails on very long words; longer lines are cut for training.
LONGEST_LINE = 2000
# SentencePiece leaves out every training line that holds its internal mark.
SENTENCEPIECE_MARK = "\u2585"


class SubwordTokenizer(Tokenizer):
    """Splits text into the pieces of a trained SentencePiece model; spaces are part of the pieces.

    The model normalises text to NFKC; whitespace of every kind becomes one space, and none is left at the ends.

    Args:
        model: A serialised SentencePiece model, with padding, start, end and unknown as ids 0 to 3.

    Raises:
        ValueError: If `model` isn't a SentencePiece model or has other reserved ids.

    Example:
        >>> tokenizer = SubwordTokenizer.train(["a man in a hat", "a hat on a mat"], vocabulary_size=14)
        >>> ids = tokenizer.tokenize(["a man  on a mat"])
        >>> tokenizer.detokenize(ids).numpy().tolist()
        [b'a man on a mat']

    Reference:
        Kudo, Richardson: SentencePiece (2018), https://arxiv.org/abs/1808.06226; unigram: Kudo (2018),
        https://arxiv.org/abs/1804.10959; BPE: Sennrich, Haddow, Birch (2016), https://arxiv.org/abs/1508.07909.
    """

    kind = "subword"

    def __init__(self, model: bytes):
        self._processor = _processor(model)
        super().__init__(vocabulary_size=self._processor.get_piece_size())
        self._model = model
        resource = _ModelResource(model)
        self._to_ids = _sentencepiece_tokenizer(model, tf.int32, resource)
        self._to_pieces = _sentencepiece_tokenizer(model, tf.string, resource)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocabulary_size: int,
        algorithm: str = "unigram",
        lowercase: bool = False,
        split_digits: bool = False,
    ) -> "SubwordTokenizer":
        """Trains a SentencePiece model; the same texts and settings always give the same model.

        Args:
            texts: The training texts; for a joint vocabulary, those of both languages.
            vocabulary_size: The number of ids, the four reserved ones included.
            algorithm: "unigram" or "bpe".
            lowercase: Whether to fold case.
            split_digits: Whether each digit is a piece of its own.

        Returns:
            The tokenizer.

        Raises:
            TypeError: If `texts` holds something else than strings.
            ValueError: If `algorithm` is unknown, there is no text, or the texts allow no vocabulary of that size.
        """
        if algorithm not in ALGORITHMS:
            raise ValueError(f"The algorithm must be one of {', '.join(ALGORITHMS)}. Received: algorithm={algorithm!r}")
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=_cut(training_lines(texts)),
                model_writer=model,
                vocab_size=vocabulary_size,
                model_type=algorithm,
                normalization_rule_name="nmt_nfkc_cf" if lowercase else "nmt_nfkc",
                split_digits=split_digits,
                pad_id=PADDING_ID,
                bos_id=START_ID,
                eos_id=END_ID,
                unk_id=UNKNOWN_ID,
                unk_surface=REPLACEMENT_CHARACTER,
                character_coverage=1.0,
                max_sentence_length=2**20,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise _training_error(str(error), vocabulary_size) from error
        return cls(model.getvalue())

    @classmethod
    def from_folder(cls, folder, settings):
        model = (Path(folder) / MODEL_FILE).read_bytes()
        if _fingerprint(model) != settings["sha256"]:
            raise ValueError(f"{MODEL_FILE} is not the file that was saved (its fingerprint differs)")
        return cls(model)

    def sample(self, texts, dropout, count, seed):
        """Turns texts into ids several times, with a random part of the merges left out, for training (BPE-dropout).

        A model that sees a word divided in many ways is regularised, where there is little data.

        Args:
            texts: List of `str`.
            dropout: Share of the merges that is left out, in [0, 1); 0 gives the ids of `tokenize`.
            count: How many divisions of each text to draw.
            seed: Seed; the same one gives the same ids.

        Returns:
            `tf.RaggedTensor` int32 `[count * len(texts), None]`: all texts, then all of them again, and so on.

        Raises:
            ValueError: If the vocabulary isn't one of BPE.

        Reference:
            Provilkov, Emelianenko, Voita: BPE-Dropout (2020), https://arxiv.org/abs/1910.13267.
        """
        model = sentencepiece_model_pb2.ModelProto.FromString(self._model)
        if model.trainer_spec.model_type != model.trainer_spec.BPE:
            kind = model.trainer_spec.ModelType.Name(model.trainer_spec.model_type)
            raise ValueError(
                "Merges can be left out of a BPE vocabulary alone: train with algorithm='bpe'. "
                f"Received: a vocabulary of {kind}"
            )
        pieces = {piece.piece: id_ for id_, piece in enumerate(model.pieces) if piece.type == piece.NORMAL}
        scores = {piece: model.pieces[id_].score for piece, id_ in pieces.items()}
        normalized = ["".join(found) for found in self._processor.encode(list(texts), out_type=str)]
        ids, sizes = draw_divisions(normalized, scores, pieces, UNKNOWN_ID, dropout, count, seed)
        return tf.RaggedTensor.from_row_lengths(ids, sizes)

    def _tokenize(self, texts):
        return self._to_ids.tokenize(texts)

    def _detokenize(self, ids):
        return self._to_ids.detokenize(ids)

    def _normalize(self, texts):
        # As strings, pieces outside the vocabulary keep their text.
        text = join_pieces(self._to_pieces.tokenize(texts))
        return tf.strings.strip(tf.strings.regex_replace(text, "▁", " "))

    def _piece(self, id_):
        return self._processor.id_to_piece(id_)

    def _settings(self):
        return {"sha256": _fingerprint(self._model)}

    def _files(self):
        return {MODEL_FILE: self._model}


class _ModelResource(tf.saved_model.experimental.TrackableResource):
    """A SentencePiece model in TensorFlow's memory, under a name of its own: the fingerprint of its bytes.

    The resource that tensorflow-text makes has no name. It vanishes when TensorFlow drops its cached kernels, as
    `keras.utils.set_random_seed` makes it do, and after a reload two of them are taken for one another
    (tensorflow/text#1304).
    """

    def __init__(self, model):
        super().__init__()
        self._model = model
        _ = self.resource_handle  # reading the handle creates the resource, here and not inside a graph

    def _create_resource(self):
        return gen_sentencepiece_tokenizer.sentencepiece_op(model=self._model, shared_name=_fingerprint(self._model))


def _sentencepiece_tokenizer(model, out_type, resource):
    tokenizer = tf_text.SentencepieceTokenizer(model, out_type=out_type)
    tokenizer._model_resource = resource
    return tokenizer


def _fingerprint(model):
    return hashlib.sha256(model).hexdigest()


def _cut(lines):
    """Yields the lines for training, long ones in several parts."""
    for line in lines:
        line = line.replace(SENTENCEPIECE_MARK, " ")
        for first in range(0, len(line), LONGEST_LINE):
            yield line[first : first + LONGEST_LINE]


def _processor(model):
    """Python's view of a SentencePiece model, after a check that its reserved ids are ours."""
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.load_from_serialized_proto(model)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"The model isn't a SentencePiece model; pass the bytes of a file that SentencePiece wrote. "
            f"Received: model={model!r:.60}"
        ) from error
    ids = (processor.pad_id(), processor.bos_id(), processor.eos_id(), processor.unk_id())
    if ids != (PADDING_ID, START_ID, END_ID, UNKNOWN_ID):
        raise ValueError(
            f"The SentencePiece model must have padding, start, end and unknown as ids 0, 1, 2 and 3; train it with "
            f"SubwordTokenizer.train, or with pad_id=0, bos_id=1, eos_id=2, unk_id=3. Received: ids={ids}"
        )
    return processor


def _training_error(message, vocabulary_size):
    """The error to raise for a message of SentencePiece's trainer."""
    if found := re.search(r"Vocabulary size too high .* <= (\d+)", message):
        return largest_vocabulary_error(vocabulary_size, int(found[1]), "pieces")
    if found := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
        return smallest_vocabulary_error(
            vocabulary_size, int(found[1]), "every character of the training texts and four reserved ids need one each"
        )
    return ValueError(
        f"SentencePiece can't train on these texts: {message.strip()} Received: vocabulary_size={vocabulary_size}"
    )
