import dataclasses
import re

from keras_attn.tasks.settings import nearest

_FORMS = "'CLASS: rate 2x', 'CLASS: share 30%', or 'CLASS in CLASS: ...' for one among those of the other"


@dataclasses.dataclass(frozen=True)
class AlertRule:
    """What to be told of: a class whose share rises.

    Args:
        text: The rule as it was written.
        labels: Dict of head -> label, the class.
        among: Dict of head -> label, the messages that the share is a share of; empty for all.
        factor: By how much the share must exceed its own baseline, above 1; None where `limit` says it.
        limit: The share that must be exceeded, between 0 and 1, or None.

    Example:
        >>> from keras_attn.monitoring import AlertRule
        >>> heads = {"sentiment": ["negative", "positive"], "topic": ["delivery", "price"]}
        >>> AlertRule.parse("negative in delivery: share 30%", heads).limit
        0.3
        >>> AlertRule.parse("negativ: rate 2x", heads)
        Traceback (most recent call last):
        ...
        ValueError: Unknown class. Did you mean `negative`? Known are delivery, negative, positive, price. Received: ...
    """

    text: str
    labels: dict
    among: dict
    factor: float | None
    limit: float | None

    @classmethod
    def parse(cls, text, heads):
        """Reads a rule.

        Args:
            text: 'CLASS: rate 2x' or 'CLASS: share 30%'. CLASS is a label, or HEAD=LABEL where several heads have it;
                'CLASS in CLASS' looks among the messages that have the second one.
            heads: Dict of head -> list of its labels.

        Returns:
            An `AlertRule`.

        Raises:
            ValueError: If it has another form, or names a class that does not exist; the nearest is named.
        """
        name, colon, condition = text.rpartition(":")
        found = re.fullmatch(r"\s*(?:rate\s+(\d+(?:\.\d+)?)\s*x|share\s+(\d+(?:\.\d+)?)\s*%)\s*", condition)
        if not colon or not found:
            raise ValueError(f"An alert must have the form {_FORMS}. Received: alert={text!r}")
        factor = float(found[1]) if found[1] else None
        limit = float(found[2]) / 100 if found[2] else None
        if factor is not None and factor <= 1:
            raise ValueError(f"A rate must be above 1x, as a rise is what is looked for. Received: alert={text!r}")
        if limit is not None and not 0 < limit < 1:
            raise ValueError(f"A share must be above 0% and below 100%. Received: alert={text!r}")
        labels, among = _classes(name.strip(), heads, text)
        return cls(text.strip(), labels, among, factor, limit)

    def bets(self, share, highest):
        """Gives what a `ShareTest` needs.

        Args:
            share: The baseline's share.
            highest: The highest share that the baseline is still compatible with.

        Returns:
            The share that is not to be exceeded, and two higher ones to bet on.
        """
        if self.limit is not None:
            odds = self.limit / (1 - self.limit)
            return self.limit, [odds * ratio / (1 + odds * ratio) for ratio in (1.25, 2.0)]
        half_way = (1 + highest) / 2  # a share of 60 % cannot double
        return highest, [min(self.factor * share, half_way), min(self.factor * highest, half_way)]

    def fallen_back_at(self, share):
        """Tells where a raised share counts as fallen back.

        Args:
            share: The baseline's share.

        Returns:
            The limit of a share rule; half way between baseline and alert for a rate rule.
        """
        return self.limit if self.limit is not None else share * (1 + self.factor) / 2


def _classes(name, heads, text):
    """Finds the class, and the class among which it is looked for, in what stands before the colon."""
    whole = _find(name, heads)
    if len(whole) == 1:
        return whole[0], {}
    for separator in re.finditer(r"\s+in\s+", name):
        parts = [_find(part, heads) for part in (name[: separator.start()], name[separator.end() :])]
        if all(len(part) == 1 for part in parts):
            labels, among = parts[0][0], parts[1][0]
            if labels.keys() == among.keys():
                raise ValueError(
                    f"Both classes are of the head {next(iter(labels))!r}, of which a message has one. "
                    f"Received: alert={text!r}"
                )
            return labels, among
    for part in [name, *re.split(r"\s+in\s+", name)]:
        found = _find(part, heads)
        if len(found) > 1:
            choices = " or ".join(f"{head}={label}" for choice in found for head, label in choice.items())
            raise ValueError(f"Several heads have the class {part!r}; say {choices}. Received: alert={text!r}")
    unknown = next(part for part in re.split(r"\s+in\s+", name) if not _find(part, heads))
    known = sorted({label for labels in heads.values() for label in labels})
    raise ValueError(f"Unknown class.{nearest(unknown.rpartition('=')[2], known)} Received: alert={text!r}")


def _find(name, heads):
    """Gives each {head: label} that a name may mean."""
    return [{head: label} for head, labels in heads.items() for label in labels if name in (label, f"{head}={label}")]
