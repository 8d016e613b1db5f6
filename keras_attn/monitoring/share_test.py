"""Whether a share has risen, by a test that may be looked at after every message."""

import math


def portion(number):
    """The part of a whole that the first, second, ... of endlessly many things get; together they get all of it.

    portion(n) = 1/(1 + ln n) - 1/(1 + ln(n + 1)), about 1/(n ln(n)^2): few sums fall so slowly and are still finite.

    Args:
        number: 1, 2, ...

    Returns:
        A number between 0 and 1.

    Example:
        >>> from keras_attn.monitoring import portion
        >>> round(portion(1), 4), round(sum(portion(number) for number in range(1, 8)), 4)
        (0.4094, 0.6753)
    """
    return math.log1p(1 / number) / ((1 + math.log(number)) * (1 + math.log(number + 1)))


def share_limit(events, trials, error):
    """Gives the highest share that is still compatible with a count.

    The largest p with trials * KL(events/trials || p) <= ln(1/error), where KL is the relative entropy of two coins. By
    Chernoff's inequality the true share is above it with a probability of at most `error`, however few the trials.

    Args:
        events: How many of the trials had the event.
        trials: How many there were.
        error: Probability between 0 and 1.

    Returns:
        The share; 1.0 without trials.

    Example:
        >>> from keras_attn.monitoring import share_limit
        >>> round(share_limit(0, 100, error=0.01), 4)  # 1 - 0.01 ** (1 / 100)
        0.045
        >>> round(share_limit(100, 1000, error=0.01), 4)
        0.1312

    Reference:
        H. Chernoff, A measure of asymptotic efficiency for tests of a hypothesis based on the sum of observations,
        Annals of Mathematical Statistics 23 (1952).
    """
    if not trials:
        return 1.0
    share, allowed = events / trials, math.log(1 / error) / trials
    low, high = share, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _relative_entropy(share, middle) <= allowed:
            low = middle
        else:
            high = middle
    return high


def _relative_entropy(p, q):
    left = p * math.log(p / q) if p else 0.0
    if p == 1:
        return left
    return left + (1 - p) * math.log((1 - p) / (1 - q)) if q < 1 else math.inf


class ShareTest:
    """A sequential test that a share is not above p0, which may be stopped at any message.

    Message t has the class (x_t = 1) or not (x_t = 0). The hypothesis is that, whatever came before, x_t = 1 has a
    probability of at most p0. Somebody who bets a coin on a higher share q multiplies it at each message by

        L_t = q / p0 if x_t = 1, (1 - q) / (1 - p0) if x_t = 0,

    of which the hypothesis expects 1 or less. A rise may begin at any time, and what is lost by waiting for the next
    message of the class is little: so the part w_1 = portion(1) of the coin is bet from the first message on, w_2 from
    the one after the first of the class on, and w_m from the one after number m - 1 of the class, message v_m, on. The
    rest waits. What the better owns after t messages, of which M have the class,

        E_t = sum_{m <= M + 1} w_m prod_{v_m <= s <= t} L_s  +  sum_{m > M + 1} w_m,

    starts at 1 and is not expected to grow, so that by Ville's inequality the hypothesis, if true, lets it ever reach
    1 / error with a probability of at most `error`: over the whole stream, not a message. Several q share the coin. As
    w_m falls slowly, a rise after m messages of the class costs ln(m) + 2 ln(1 + ln(m)) of evidence and no more. The
    first sum needs one multiplication a message. Where the rise most likely began is what Page's test says: behind the
    message at which the product of the L_s was lowest.

    Args:
        error: Probability of a false alarm at any time.

    Example:
        >>> from keras_attn.monitoring import ShareTest
        >>> test = ShareTest(error=0.01)
        >>> test.bet(0.1, [0.2])
        >>> next(message for message in range(1, 100) if test.update(True))  # nothing but the class
        8

    Reference:
        A. Wald, Sequential tests of statistical hypotheses, Annals of Mathematical Statistics 16 (1945), for L_t.
        J. Ville, Étude critique de la notion de collectif (1939), for the inequality. J. Shin, A. Ramdas, A. Rinaldo,
        E-detectors: a nonparametric framework for sequential change detection, New England Journal of Statistics in
        Data Science 2 (2024), for sums over the begin of a change; theirs have no weights and a term for each message,
        and bound how often a false alarm comes instead of whether one ever does. E. S. Page, Continuous inspection
        schemes, Biometrika 41 (1954), for the likely begin.
    """

    def __init__(self, error):
        self.error = error
        self.events = 0  # messages of the class
        self.stakes = []
        self.rise = [1.0, 0, 0]  # since the likely begin of a rise: product of L_s, messages of the class, messages
        self._factors = []
        self._page = (1.0, 1.0)

    def bet(self, null, shares):
        """Says what to bet on from the next message on; the number of shares stays the same.

        Args:
            null: p0, below 1.
            shares: List of the shares q; for one not above p0 nothing is bet.
        """
        self.stakes = self.stakes or [portion(1)] * len(shares)
        self._factors = [
            (share / null, (1 - share) / (1 - null)) if null < share < 1 else (1.0, 1.0) for share in shares
        ]
        self._page = next((factors for factors in self._factors if factors[0] > 1), (1.0, 1.0))

    def update(self, happened):
        """Looks at a message.

        Args:
            happened: Whether it has the class.

        Returns:
            Whether the hypothesis is rejected.
        """
        side = 0 if happened else 1
        self.stakes = [stake * factors[side] for stake, factors in zip(self.stakes, self._factors, strict=True)]
        if happened:
            self.events += 1
            begun = portion(self.events + 1)
            self.stakes = [stake + begun for stake in self.stakes]
        product, events, trials = self.rise if self.rise[0] > 1 else (1.0, 0, 0)
        self.rise = [product * self._page[side], events + happened, trials + 1]
        return self.evidence() * self.error >= 1

    def evidence(self):
        """Tells what the better owns, after `bet`.

        Returns:
            E_t.
        """
        return sum(self.stakes) / len(self.stakes) + 1 / (1 + math.log(self.events + 2))

    def state(self):
        """Gives what `restore` needs.

        Returns:
            Dict of plain values.
        """
        return {"error": self.error, "events": self.events, "stakes": self.stakes, "rise": self.rise}

    def restore(self, state):
        """Goes on from an earlier state; what is bet on is to be said anew.

        Args:
            state: What `state` gave.
        """
        self.error, self.events = state["error"], state["events"]
        self.stakes, self.rise = list(state["stakes"]), list(state["rise"])
