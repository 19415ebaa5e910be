"""The curve through what was measured at several sizes: c0 + c1 n + c2 n². It must not know what was measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

POWERS = (0, 1, 2)
SIGNS = ("", " n", " n²")


@dataclass(frozen=True)
class Curve:
    """`coefficients` of 1, n, n², the latter two not below 0; `residual`: (measured - curve) / measured, root of the mean square over the degrees of freedom."""

    coefficients: tuple[float, ...]
    residual: float

    def at(self, n: float) -> float:
        return sum(factor * n**power for power, factor in zip(POWERS, self.coefficients, strict=True))

    def __str__(self) -> str:
        """
        >>> str(Curve((3.0, 0.0, 0.25), 0.1))
        '3 + 0.25 n²'
        """
        return " + ".join(f"{factor:.3g}{sign}" for factor, sign in zip(self.coefficients, SIGNS, strict=True) if factor) or "0"


def fit(points: Sequence[tuple[float, float]]) -> Curve | None:
    """The form that the points show: of all choices of terms in which those of n and n² come out positive, the one with the smallest residual. None where there are
    too few points to tell. Points weigh by their own size, since they span powers of ten; those at or below 0 are left out.

    >>> curve = fit([(n, 5 + 2 * n * n) for n in (3, 8, 16, 32)])
    >>> str(curve), round(curve.at(100))
    ('5 + 2 n²', 20005)
    """
    import numpy  # here: only a report needs it

    kept = [(n, value) for n, value in points if value > 0]
    found = []
    for terms in (terms for number in POWERS for terms in itertools.combinations(POWERS, number + 1)):
        if len(kept) <= len(terms):
            continue
        rows = numpy.array([[n**power / value for power in terms] for n, value in kept])
        factors = numpy.linalg.lstsq(rows, numpy.ones(len(kept)), rcond=None)[0]
        if any(factor <= 0 for power, factor in zip(terms, factors, strict=True) if power):
            continue
        missed = rows @ factors - 1
        chosen = dict(zip(terms, map(float, factors), strict=True))
        residual = math.sqrt(float(missed @ missed) / (len(kept) - len(terms)))
        found.append(Curve(tuple(chosen.get(power, 0.0) for power in POWERS), residual))
    return min(found, key=lambda curve: round(curve.residual, 9), default=None)
