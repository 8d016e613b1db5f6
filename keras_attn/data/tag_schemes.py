"""Ways to write entities as a tag for each word, all read into one: BIO."""

SCHEMES = ("bio", "bioes", "iob1")
_PREFIXES = {"B": "B", "I": "I", "E": "E", "L": "E", "S": "S", "U": "S"}  # BILOU is BIOES by other letters


def split_tag(tag):
    """Takes a tag apart.

    Args:
        tag: "O", or a prefix (B, I; E, S; L, U), "-" and the entity's type.

    Returns:
        The prefix (O, B, I, E or S) and the type, empty for O; None where it is no such tag.

    Example:
        >>> from keras_attn.data.tag_schemes import split_tag
        >>> split_tag("B-city"), split_tag("O"), split_tag("NOUN")
        (('B', 'city'), ('O', ''), None)
    """
    if tag == "O":
        return "O", ""
    prefix, dash, name = tag.partition("-")
    return (_PREFIXES[prefix], name) if dash and name and prefix in _PREFIXES else None


def scheme_of(sentences):
    """Tells in which way sentences are tagged.

    E or S (L, U) means BIOES. It is IOB1, where an entity begins in I, and in B only behind another of its type, if any
    entity begins in I and none in B elsewhere. All else is BIO.

    Args:
        sentences: List of lists of tags.

    Returns:
        "bio", "bioes" or "iob1".

    Example:
        >>> from keras_attn.data.tag_schemes import scheme_of
        >>> scheme_of([["I-city", "B-city"]]), scheme_of([["B-city", "I-city"]])
        ('iob1', 'bio')
    """
    begins_in_i = begins_in_b = False
    for tags in sentences:
        before = ("O", "")
        for prefix, name in map(split_tag, tags):
            if prefix in "ES":
                return "bioes"
            goes_on = before[0] != "O" and before[1] == name
            begins_in_b |= prefix == "B" and not goes_on
            begins_in_i |= prefix == "I" and not goes_on
            before = prefix, name
    return "iob1" if begins_in_i and not begins_in_b else "bio"


def to_bio(tags, scheme="bio"):
    """Writes a sentence's tags in BIO: B begins an entity, I goes on with it.

    A tag that goes on with an entity that is not there begins one; this is a repair.

    Args:
        tags: List of tags.
        scheme: "bio", "bioes" or "iob1".

    Returns:
        List of tags, and the number of repairs.

    Example:
        >>> from keras_attn.data.tag_schemes import to_bio
        >>> to_bio(["S-day", "B-city", "E-city"], "bioes")
        (['B-day', 'B-city', 'I-city'], 0)
        >>> to_bio(["O", "I-city"])
        (['O', 'B-city'], 1)
    """
    found, repairs, open_type = [], 0, ""
    for prefix, name in map(split_tag, tags):
        if prefix == "O":
            found.append("O")
            open_type = ""
            continue
        goes_on = prefix in "IE" and name == open_type
        repairs += prefix in "IE" and not goes_on and scheme != "iob1"
        found.append(f"{'I' if goes_on else 'B'}-{name}")
        open_type = "" if scheme == "bioes" and prefix in "ES" else name
    return found, repairs


def spans(tags):
    """Finds the entities of a sentence.

    Args:
        tags: List of tags in BIO.

    Returns:
        List of triples: type, first word, and the word behind the last.

    Example:
        >>> from keras_attn.data.tag_schemes import spans
        >>> spans(["O", "B-city", "I-city", "B-day"])
        [('city', 1, 3), ('day', 3, 4)]
    """
    found = []
    for place, tag in enumerate(to_bio(tags)[0]):
        if tag.startswith("B-"):
            found.append((tag[2:], place, place + 1))
        elif tag != "O":
            found[-1] = (*found[-1][:2], place + 1)
    return found
