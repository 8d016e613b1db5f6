"""BERT's tokenizer: words cut into the longest pieces of a given vocabulary, by tensorflow-text."""

import json
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
import tensorflow_text as tf_text

from keras_attn.text.tokenizer import REPLACEMENT_CHARACTER, SPECIAL_PIECES, Tokenizer, join_pieces

VOCABULARY_FILE = "vocab.txt"
CONFIG_FILE = "tokenizer_config.json"
PADDING, START, END, UNKNOWN, MASK = "[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"
LONGEST_WORD = 100  # characters; longer ones are unknown
_CONTROLS = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x{9F}\p{Cf}\p{Co}\x{FFFD}]"  # and what can't be seen
_WHITE_SPACE = r"[\t\n\r\p{Z}]"
_ACCENTS = r"\p{Mn}"
_CHINESE = (  # as transformers has it, which leaves 256 rare ones out
    r"\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}"
    r"\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}"
)
_WORDS_OF_ONE_CHARACTER = rf"[!-/:-@\[-`{{-~\p{{P}}{_CHINESE}]"


class WordpieceTokenizer(Tokenizer):
    """Splits text into words, and each word into the longest pieces of a vocabulary, from its beginning on.

    Words end at white space; punctuation marks and Chinese characters are words of their own. A word that the pieces
    cannot make, or of more than 100 characters, is unknown as a whole. Pieces within a word begin with `##`.

    The ids are the vocabulary's own: `start_id` is that of `[CLS]`, `end_id` that of `[SEP]`, and so on. A text that
    spells such a name, as in "[SEP]", is text like any other.

    Args:
        vocabulary: The pieces in the order of their ids; `[PAD]` is the first, and `[CLS]`, `[SEP]`, `[UNK]` and
            `[MASK]` are among them.
        lowercase: Whether to fold case and take accents off.

    Raises:
        ValueError: If a piece stands in the vocabulary twice, or one of the five is missing or at a wrong place.

    Example:
        >>> pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hat", "a", "##s", "!"]
        >>> tokenizer = WordpieceTokenizer(pieces)
        >>> tokenizer.tokenize(["A hât, hats!"]).to_list()
        [[6, 5, 1, 5, 7, 8]]
        >>> tokenizer.detokenize([[6, 5, 7, 8, 3]]).numpy().tolist()
        [b'a hats !']

    Reference:
        Devlin et al. 2019, "BERT", section 3; its authors' code for what a word is; Song et al. 2021, "Fast WordPiece
        Tokenization", for how the pieces are found.
    """

    kind = "wordpiece"

    def __init__(self, vocabulary: Iterable[str], lowercase: bool = True):
        self.vocabulary = tuple(vocabulary)
        ids = _checked_ids(self.vocabulary)
        super().__init__(vocabulary_size=len(self.vocabulary))
        self.lowercase = lowercase
        self.start_id, self.end_id, self.unknown_id, self.mask_id = (ids[name] for name in (START, END, UNKNOWN, MASK))
        self._to_pieces = tf_text.FastWordpieceTokenizer(
            list(self.vocabulary),
            max_bytes_per_word=4 * LONGEST_WORD,
            token_out_type=tf.int32,
            unknown_token=UNKNOWN,
            no_pretokenization=True,
        )

    @classmethod
    def read(cls, folder) -> "WordpieceTokenizer":
        """Reads the tokenizer of a local BERT folder.

        Args:
            folder: The folder, with `vocab.txt` (a piece a line) and, where case is kept, a `tokenizer_config.json`
                that says `"do_lower_case": false`.

        Returns:
            The tokenizer.

        Raises:
            FileNotFoundError: If there is no `vocab.txt`.
            ValueError: If a file is damaged, or asks for another way to split than BERT's.
        """
        path = Path(folder) / VOCABULARY_FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: no such file. A BERT's folder holds its vocabulary, a piece a line. "
                f"Received: folder={str(folder)!r}"
            )
        lowercase = _read_lowercase(Path(folder) / CONFIG_FILE)
        try:
            return cls(_pieces_of(path.read_bytes()), lowercase)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def from_folder(cls, folder, settings):
        return cls(_pieces_of((Path(folder) / VOCABULARY_FILE).read_bytes()), **settings)

    def _tokenize(self, texts):
        words = self._words(texts)  # [B, W]
        is_long = tf.strings.length(words.values, unit="UTF8_CHAR") > LONGEST_WORD
        words = words.with_values(tf.where(is_long, UNKNOWN, words.values))
        return self._to_pieces.tokenize(words).merge_dims(1, 2)  # [B, T]

    def _detokenize(self, ids):
        strings = [self._text(id_) for id_ in range(self.vocabulary_size)]
        return tf.strings.strip(join_pieces(tf.gather(tf.constant(strings), ids)))

    def _normalize(self, texts):
        return tf.strings.reduce_join(self._words(texts), axis=-1, separator=" ")

    def _label(self, id_):
        special = {self.padding_id: 0, self.start_id: 1, self.end_id: 2, self.unknown_id: 3}
        if id_ in special:
            return SPECIAL_PIECES[special[id_]]
        return super()._label(id_)

    def _piece(self, id_):
        return self._text(id_).replace(" ", "▁")

    def _settings(self):
        return {"lowercase": self.lowercase}

    def _files(self):
        return {VOCABULARY_FILE: "".join(f"{piece}\n" for piece in self.vocabulary).encode("utf-8")}

    def _words(self, texts):
        texts = tf.strings.regex_replace(texts, _CONTROLS, "")
        texts = tf.strings.regex_replace(texts, _WHITE_SPACE, " ")
        if self.lowercase:
            texts = tf.strings.regex_replace(tf_text.normalize_utf8(texts, "NFD"), _ACCENTS, "")
            # Letter by letter; `lower` would give a sigma at the end of a word a form of its own.
            texts = tf.strings.lower(tf.strings.regex_replace(texts, "Σ", "σ"), encoding="utf-8")
        texts = tf.strings.regex_replace(texts, _WORDS_OF_ONE_CHARACTER, r" \0 ")
        return tf.strings.split(texts)  # [B, W]

    def _text(self, id_):
        """What a piece adds to a text, with the space before a word."""
        piece = REPLACEMENT_CHARACTER if id_ == self.unknown_id else self.vocabulary[id_]
        return piece[2:] if len(piece) > 2 and piece.startswith("##") else f" {piece}"


def _checked_ids(vocabulary):
    """The id of each piece, after a check that the vocabulary is one."""
    ids = {}
    for id_, piece in enumerate(vocabulary):
        if ids.setdefault(piece, id_) != id_:
            raise ValueError(
                f"each piece has one id, but line {id_ + 1} repeats line {ids[piece] + 1}; leave one out. "
                f"Received: piece={piece!r}"
            )
    missing = [name for name in (PADDING, START, END, UNKNOWN, MASK) if name not in ids]
    if missing:
        raise ValueError(
            f"a vocabulary of BERT's must hold {', '.join(missing)} too. Received: {len(vocabulary)} pieces, such as "
            f"{list(vocabulary[:3])}"
        )
    if ids[PADDING] != 0:
        raise ValueError(
            f"{PADDING} must be the first piece: id 0 is padding everywhere here. Received: its id={ids[PADDING]}"
        )
    return ids


def _pieces_of(content):
    """The pieces in a file; only line feeds end a line."""
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        bad = content[error.start : error.start + 4]
        raise ValueError(f"line {line} is no valid UTF-8; copy the file anew. Received: bytes={bad!r}") from None
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def _read_lowercase(path):
    """Whether case is folded, by a `tokenizer_config.json`; BERT's default where there is none."""
    if not path.is_file():
        return True
    try:
        config = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not valid JSON ({error}). Copy the file anew.") from None
    lowercase = config.get("do_lower_case", True)
    strip_accents = config.get("strip_accents")
    if strip_accents not in (None, lowercase) or not config.get("tokenize_chinese_chars", True):
        raise ValueError(
            f"{path}: accents must go with the case (`strip_accents` null), and Chinese characters be words of their "
            f"own (`tokenize_chinese_chars` true). Received: strip_accents={strip_accents}, do_lower_case={lowercase}, "
            f"tokenize_chinese_chars={config.get('tokenize_chinese_chars', True)}"
        )
    return lowercase
