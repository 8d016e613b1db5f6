"""Rules as people write them, right and wrong."""

import re

import pytest

from keras_attn.monitoring import AlertRule

HEADS = {
    "sentiment": ["negative", "neutral", "positive"],
    "topic": ["delivery", "price: too high", "missing in parcel", "neutral"],
}


@pytest.mark.parametrize(
    "text, labels, among, factor, limit",
    [
        ("negative: rate 2x", {"sentiment": "negative"}, {}, 2.0, None),
        (" negative :  share  30 % ", {"sentiment": "negative"}, {}, None, 0.3),
        ("delivery: rate 1.5x", {"topic": "delivery"}, {}, 1.5, None),
        ("topic=neutral: share 0.5%", {"topic": "neutral"}, {}, None, 0.005),
        ("price: too high: rate 3x", {"topic": "price: too high"}, {}, 3.0, None),
        ("missing in parcel: rate 3x", {"topic": "missing in parcel"}, {}, 3.0, None),
        ("negative in delivery: rate 2x", {"sentiment": "negative"}, {"topic": "delivery"}, 2.0, None),
        (
            "negative in missing in parcel: rate 2x",
            {"sentiment": "negative"},
            {"topic": "missing in parcel"},
            2.0,
            None,
        ),
        ("delivery in sentiment=neutral: rate 2x", {"topic": "delivery"}, {"sentiment": "neutral"}, 2.0, None),
    ],
)
def test_rules(text, labels, among, factor, limit):
    rule = AlertRule.parse(text, HEADS)
    assert (rule.labels, rule.among, rule.factor, rule.limit) == (labels, among, factor, limit)
    assert rule.text == text.strip()


@pytest.mark.parametrize(
    "text, message",
    [
        ("negative", "must have the form 'CLASS: rate 2x'"),
        ("negative rate 2x", "must have the form"),
        ("negative: rate 2", "must have the form"),
        ("negative: share 30", "must have the form"),
        ("negative: more", "must have the form"),
        ("negative: rate 1x", "must be above 1x"),
        ("negative: rate 0.5x", "must be above 1x"),
        ("negative: share 0%", "above 0% and below 100%"),
        ("negative: share 100%", "above 0% and below 100%"),
        ("negativ: rate 2x", "Unknown class. Did you mean `negative`? Known are delivery, missing in parcel, negative"),
        ("negative in delivry: rate 2x", "Did you mean `delivery`?"),
        ("topic=delivry: rate 2x", "Did you mean `delivery`?"),
        (": rate 2x", "Unknown class."),
        ("neutral: rate 2x", "Several heads have the class 'neutral'; say sentiment=neutral or topic=neutral"),
        ("neutral in delivery: rate 2x", "say sentiment=neutral or topic=neutral"),
        ("negative in positive: rate 2x", "Both classes are of the head 'sentiment'"),
    ],
)
def test_wrong_rules(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        AlertRule.parse(text, HEADS)
    assert str(caught.value).endswith(f"Received: alert={text!r}")


def test_what_is_bet_on():
    """By hand. Odds of 0.2 are 1/4; times 1.25 and 2 they are 5/16 and 1/2, shares of 5/21 and 1/3."""
    double = AlertRule.parse("negative: rate 2x", HEADS)
    assert double.bets(0.1, 0.12) == (0.12, [0.2, 0.24])
    assert double.bets(0.6, 0.7) == (0.7, [0.85, 0.85])  # half way to 1
    null, shares = AlertRule.parse("negative: share 20%", HEADS).bets(None, None)
    assert null == 0.2 and shares == pytest.approx([5 / 21, 1 / 3])


def test_when_a_share_has_fallen_back():
    assert AlertRule.parse("negative: rate 2x", HEADS).fallen_back_at(0.1) == pytest.approx(0.15)
    assert AlertRule.parse("negative: share 20%", HEADS).fallen_back_at(None) == 0.2
