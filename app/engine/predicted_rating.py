"""How many stars: the expected rating and an interval, from samples of a factor model on the explicit ratings.

Training keeps S samples of the items' vectors ``y = (q, b)`` and of what users' vectors ``x = (p, a)`` come from
(Salakhutdinov and Mnih 2008; a rating is ``p . q + a + b`` plus noise). No user is kept: given the items, a history has a
Gaussian posterior over ``x`` in closed form, so a user is folded in through every sample at request time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from app.engine.arrays import AnyArray, BoolArray, DoubleArray, FloatArray, RowArray
from app.engine.artifact import require_array
from app.errors import ArtifactRejected


@dataclass(frozen=True, slots=True)
class RatingReading:
    """How a prediction becomes stars: ``mean + unit * x``. The interval reaches from ``low`` to ``high`` standard deviations from
    what is expected and holds ``level`` of the ratings; that of an item which nobody has rated has ``unrated_ends`` of its own,
    where they were measured."""

    mean: float
    unit: float
    low: float
    high: float
    level: float
    unrated_ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class RatingScale:
    """The lowest and the highest rating that can be given."""

    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Predicted:
    """Expected ratings and the ends of their intervals, each ``(r,)``, on the scale."""

    stars: DoubleArray
    lows: DoubleArray
    highs: DoubleArray


@dataclass(frozen=True, slots=True)
class Expected:
    """Expected ratings and standard deviations of what will be given, both ``(r,)``, in stars, whatever the ends of the scale;
    and which are of items that nobody had rated, ``(r,)``."""

    means: DoubleArray
    deviations: DoubleArray
    unrated: BoolArray


@dataclass(frozen=True, slots=True)
class FoldedUser:
    """One user's vector in each sample: ``means`` ``(S, d)`` and ``covariances`` ``(S, d, d)``."""

    means: DoubleArray
    covariances: DoubleArray


@dataclass(frozen=True, slots=True)
class RatingSamples:
    """``items`` ``(n, S, d)`` and which of them were ``rated`` ``(n,)``; by sample the Gaussians that users and items come from,
    as means ``(S, d)`` with precisions or covariances ``(S, d, d)``, and the precision ``noise`` ``(S,)`` of a rating.

    With ``content_maps`` ``(p, S, d)`` the mean of an unrated item's Gaussian is ``item_means + x @ content_maps`` for the
    features ``x`` ``(p,)`` of its content, and ``items`` has it for those of the release; without, ``p`` is 0."""

    items: FloatArray
    rated: BoolArray
    user_means: DoubleArray
    user_precisions: DoubleArray
    item_means: DoubleArray
    item_covariances: DoubleArray
    noise: DoubleArray
    content_maps: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))

    def arrays(self) -> dict[str, AnyArray]:
        """As they stand in an artifact."""
        return {f"rating.{name}": getattr(self, name) for name in self.__slots__}

    @classmethod
    def read(cls, arrays: Mapping[str, AnyArray], n_items: int, n_features: int | None = None) -> "RatingSamples":
        """From an artifact; raises :class:`ArtifactRejected` for what is missing or does not fit. ``n_features`` is the width of
        what content says of an item, where it is to fit."""
        items = require_array(arrays, "rating.items", np.float32, (n_items, None, None))
        samples, d = items.shape[1:]
        if samples == 0 or d == 0:
            raise ArtifactRejected("rating.items: has no sample")
        return cls(
            items,
            require_array(arrays, "rating.rated", np.bool_, (n_items,)),
            require_array(arrays, "rating.user_means", np.float64, (samples, d)),
            require_array(arrays, "rating.user_precisions", np.float64, (samples, d, d)),
            require_array(arrays, "rating.item_means", np.float64, (samples, d)),
            require_array(arrays, "rating.item_covariances", np.float64, (samples, d, d)),
            require_array(arrays, "rating.noise", np.float64, (samples,)),
            *_maps(arrays, n_features, samples, d),
        )


def _maps(arrays: Mapping[str, AnyArray], n_features: int | None, samples: int, d: int) -> Iterator[FloatArray]:
    """The maps from content, if the artifact has any."""
    if "rating.content_maps" in arrays and arrays["rating.content_maps"].size:
        yield require_array(arrays, "rating.content_maps", np.float32, (n_features, samples, d))


class RatingPredictor:
    """Predicts ratings of a release's rows, and of those that came after it."""

    def __init__(
        self,
        samples: RatingSamples,
        reading: RatingReading,
        bases: RowArray | None = None,
        features: FloatArray | None = None,
    ) -> None:
        """``bases`` ``(m,)`` are the rows of the release that the rows past its own stand for, -1 for new items; ``features``
        ``(m, p)`` what their content says, as :func:`app.engine.content.item_features` puts it."""
        self._samples = samples
        self._bases = np.zeros(0, np.int64) if bases is None else bases
        self._features = features
        self.reading = reading

    def extended(self, bases: RowArray, features: FloatArray | None = None) -> "RatingPredictor":
        """The same with these rows past the release's own."""
        return RatingPredictor(self._samples, self.reading, bases, features)

    def fold_in(self, rows: RowArray, values: DoubleArray) -> FoldedUser:
        """A user from ratings ``values`` of ``rows``, both ``(h,)``, in O(S k^2 (h + k)). Items that nobody had rated at the
        release are passed over: nothing is known of them. Without any rating it is what users come from.

        In each sample ``P = U + beta sum y y'`` with ``y = (q, 1)`` and ``P m = U u + beta sum (r - b) y``.
        """
        known = self._known(rows)
        samples, reading = self._samples, self.reading
        items = samples.items[known[known >= 0]].astype(np.float64).transpose(1, 0, 2)
        targets = (values[known >= 0] - reading.mean) / reading.unit - items[:, :, -1]
        items[:, :, -1] = 1
        weighted = samples.noise[:, None, None] * items.transpose(0, 2, 1)
        covariances: DoubleArray = np.linalg.inv(samples.user_precisions + weighted @ items).astype(
            np.float64, copy=False
        )
        sides = samples.user_precisions @ samples.user_means[:, :, None] + weighted @ targets[:, :, None]
        return FoldedUser((covariances @ sides)[:, :, 0], covariances)

    def expect(self, user: FoldedUser, rows: RowArray) -> Expected:
        """What the user would give the items in ``rows`` ``(r,)``, noise included.

        The mean over the samples; the variance is the mean of theirs, which is ``y' C y + 1 / beta`` for a user of covariance
        ``C``, plus that of their means. An item that nobody had rated at the release is what its content makes of it, or any.
        """
        known = self._known(rows)
        late = known < 0
        means, variances = np.empty((2, len(self._samples.noise), len(rows)))
        means[:, ~late], variances[:, ~late] = self._of_rated(user, known[~late])
        if late.any():
            means[:, late], variances[:, late] = self._of_unrated(user, self._unrated(rows[late]))
        variances += 1 / self._samples.noise[:, None]
        spread = np.sqrt(variances.mean(axis=0) + means.var(axis=0))
        return Expected(self.reading.mean + self.reading.unit * means.mean(axis=0), self.reading.unit * spread, late)

    def on_scale(self, expected: Expected, scale: RatingScale) -> Predicted:
        """The same as stars and intervals, cut off at the ends of the scale: what can be given is inside as often as before."""
        reading = self.reading
        ends = np.repeat([[reading.low], [reading.high]], len(expected.means), axis=1)
        if reading.unrated_ends is not None:
            ends[:, expected.unrated] = np.array(reading.unrated_ends)[:, None]
        bounds = (expected.means, *(expected.means + ends * expected.deviations))
        return Predicted(*(np.clip(each, scale.lowest, scale.highest) for each in bounds))

    def predict(self, rows: RowArray, values: DoubleArray, wanted: RowArray, scale: RatingScale) -> Predicted:
        """What a user who gave ``values`` to ``rows``, both ``(h,)``, would give the ``wanted`` items ``(r,)``."""
        return self.on_scale(self.expect(self.fold_in(rows, values), wanted), scale)

    def _of_rated(self, user: FoldedUser, rows: RowArray) -> tuple[DoubleArray, DoubleArray]:
        """Means and variances ``(S, r)``, without the noise."""
        items = self._samples.items[rows].astype(np.float64).transpose(1, 0, 2)
        biases = items[:, :, -1].copy()
        items[:, :, -1] = 1
        means = (items @ user.means[:, :, None])[:, :, 0] + biases
        return means, np.einsum("srd,srd->sr", items @ user.covariances, items)

    def _of_unrated(self, user: FoldedUser, items: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """Means and variances ``(S, r)`` for items drawn from around ``items`` ``(S, r, d)``: with ``w = (p, 1)`` and
        ``y = (q, 1)`` the variance is ``w' V w + y' C y + tr(C V)``, the trace over the factors alone."""
        biases = items[:, :, -1].copy()
        items[:, :, -1] = 1
        tastes = user.means.copy()
        tastes[:, -1] = 1
        spread, doubt = self._samples.item_covariances, user.covariances
        means = (items @ user.means[:, :, None])[:, :, 0] + biases
        own = np.einsum("srd,srd->sr", items @ doubt, items)
        alike = np.einsum("sd,sde,se->s", tastes, spread, tastes)
        alike += np.einsum("sde,sde->s", spread[:, :-1, :-1], doubt[:, :-1, :-1])
        return means, own + alike[:, None]

    def _unrated(self, rows: RowArray) -> DoubleArray:
        """Around which vectors ``(S, r, d)`` the items in these rows are drawn."""
        samples, n = self._samples, len(self._samples.rated)
        around = np.repeat(samples.item_means[:, None, :], len(rows), axis=1)
        if not samples.content_maps.size:
            return around
        own = rows < n
        around[:, own] = samples.items[rows[own]].transpose(1, 0, 2)
        if self._features is not None and not own.all():
            features = self._features[rows[~own] - n].astype(np.float64)
            around[:, ~own] += np.tensordot(features, samples.content_maps, axes=1).transpose(1, 0, 2)
        return around

    def _known(self, rows: RowArray) -> RowArray:
        """The rows of the release, -1 for an item without a rating in it."""
        n = len(self._samples.rated)
        known = rows.copy()
        late = rows >= n
        known[late] = self._bases[rows[late] - n]
        known[known >= 0] = np.where(self._samples.rated[known[known >= 0]], known[known >= 0], -1)
        return known
