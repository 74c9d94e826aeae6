"""Where labels go beside points so that they don't cover each other."""

from __future__ import annotations

import numpy as np

_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""Right, left, above, below, then the corners, in units of half a label's size."""


def place_labels(
    points: np.ndarray, widths: np.ndarray, height: float, gap: float, keep: int = 0, away: np.ndarray | None = None
) -> np.ndarray:
    """Centres of labels, chosen one after the other: the first side of the point where the label covers nothing that is there already.

    Parameters
    ----------
    points : float64 (n, 2), in the units of the labels' sizes, such as pixels; the first are served first.
    widths : float64 (n,), of each label.
    height : of all labels.
    gap : between a point and its label.
    keep : so many first labels are placed in any case, where they cover least.
    away : float64 (n, 2), for each label the direction that is tried first, such as away from an arrow; zeros for none.

    Returns
    -------
    float64 (n, 2), nan for labels that found no free place.
    """
    found = np.full((len(points), 2), np.nan)
    boxes = np.empty((len(points), 4))  # left, right, low, high of those placed
    count = 0
    for place, (point, width) in enumerate(zip(points, widths, strict=True)):
        best, least = None, np.inf
        sides = _SIDES if away is None else sorted(_SIDES, key=lambda side: -float(np.dot(side, away[place]) / np.hypot(*side)))
        for side in sides:
            centre = point + np.array(side) * (gap + np.array([width, height]) / 2)
            left, right, low, high = centre[0] - width / 2, centre[0] + width / 2, centre[1] - height / 2, centre[1] + height / 2
            others = boxes[:count]
            across = np.minimum(right, others[:, 1]) - np.maximum(left, others[:, 0])
            along = np.minimum(high, others[:, 3]) - np.maximum(low, others[:, 2])
            covered = float((np.maximum(across, 0) * np.maximum(along, 0)).sum())
            inside = (points[:, 0] > left) & (points[:, 0] < right) & (points[:, 1] > low) & (points[:, 1] < high)
            covered += height * height / 4 * float(inside.sum())
            if covered < least:
                best, least = (centre, left, right, low, high), covered
            if covered == 0:
                break
        if best is not None and (least == 0 or place < keep):
            found[place], boxes[count] = best[0], best[1:]
            count += 1
    return found
