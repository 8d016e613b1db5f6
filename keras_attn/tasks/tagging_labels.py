"""What a tagger may say: types of entities, their tags, labels of sentences; and data as the arrays it learns from."""

import dataclasses

from keras_attn.data.labelled_text import count_labels
from keras_attn.tasks.run_parts import read_part, write_part

_FILE = "tags.json"


@dataclasses.dataclass(frozen=True)
class TagSet:
    """Types of entities, and labels of sentences.

    Args:
        types: List of the types' names.
        labels: List of the labels' names, or None.

    Example:
        >>> from keras_attn.tasks.tagging_labels import TagSet
        >>> TagSet(["city"]).tags
        ['O', 'B-city', 'I-city']
    """

    types: list
    labels: list | None = None

    @classmethod
    def of(cls, data):
        """Finds the types and labels of a training's sentences.

        Args:
            data: `TaggedText`.

        Returns:
            The `TagSet`, names in alphabetical order.

        Raises:
            ValueError: If there is no entity, or one label alone.
        """
        types = list(data.types())
        if not types:
            raise ValueError(
                f"There is nothing to find: all tags of the training's {len(data.words)} sentences are O. Is "
                "`tag_column` the column of the tags? Received: tags=['O']"
            )
        labels = None if data.labels is None else sorted(set(data.labels))
        if labels is not None and len(labels) < 2:
            raise ValueError(
                "Labels of sentences must be two or more, to tell apart: take them out of the files, or see that all "
                f"are there. Received: labels={labels}"
            )
        return cls(types, labels)

    @property
    def tags(self):
        """List of all tags, O first; the model's states are the places in it."""
        return ["O", *(f"{prefix}-{name}" for name in self.types for prefix in "BI")]

    def allowed_steps(self):
        """Tells which tag may follow which: I only what goes on with its own type.

        Returns:
            C lists of C booleans.
        """
        return [[tag[0] != "I" or before[2:] == tag[2:] for tag in self.tags] for before in self.tags]

    def allowed_starts(self):
        """Tells which tag may be a sentence's first.

        Returns:
            C booleans.
        """
        return [tag[0] != "I" for tag in self.tags]

    def known(self, data):
        """Leaves out the sentences with a type or label that no training sentence had.

        Args:
            data: `TaggedText`.

        Returns:
            A `TaggedText`, and a dict of what is unknown -> in how many sentences it is.

        Raises:
            ValueError: If labels are missing, or no sentence is left.
        """
        if self.labels is not None and data.labels is None:
            raise ValueError(
                "The training's sentences have labels, so must these: `# label = x` before each, a third file, or the "
                "key `label`. Received: labels=None"
            )
        unknown, rows, tags = [], [], set(self.tags)
        for row, own in enumerate(data.tags):
            found = {tag[2:] for tag in own if tag not in tags}
            found |= {data.labels[row]} - set(self.labels) if self.labels is not None else set()
            unknown += sorted(found)
            rows += [] if found else [row]
        if not rows:
            raise ValueError(
                "No sentence has types and labels that the training had. "
                f"Received: {', '.join(map(repr, list(count_labels(unknown))[:5]))}"
            )
        known = data.select(rows)
        return known if self.labels is not None else dataclasses.replace(known, labels=None), count_labels(unknown)

    def tag_ids(self, data):
        """Gives tags as integers.

        Args:
            data: `TaggedText` whose tags are all known.

        Returns:
            List of lists of integers.
        """
        places = {tag: place for place, tag in enumerate(self.tags)}
        return [[places[tag] for tag in tags] for tags in data.tags]

    def label_ids(self, data):
        """Gives labels as integers.

        Args:
            data: `TaggedText` whose labels are all known.

        Returns:
            List of integers, or None.
        """
        return None if self.labels is None else [self.labels.index(label) for label in data.labels]

    def save(self, folder):
        """Writes `tags.json`.

        Args:
            folder: The run folder.
        """
        write_part(folder, _FILE, dataclasses.asdict(self))

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            The `TagSet`.

        Raises:
            ValueError: If the file is missing or damaged.
        """
        return read_part(folder, _FILE, lambda found: cls(**found))
