"""Output layers in plain float64 NumPy, one row at a time, from the papers' equations: what lmkit.neural.losses is checked against.

Each function takes the parameters by name, hidden (R, H), targets (R,) and weights (R,), and gives the weighted training loss in nats.
`*_log_probs` gives the exact distribution (R, V).
"""

from __future__ import annotations

import numpy as np


def log_softmax(scores):
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum())


def flat_log_probs(parameters, hidden, excluded):
    rows = []
    for h in hidden:
        scores = parameters["decoder.weight"] @ h + parameters["decoder.bias"]
        scores[list(excluded)] = -np.inf
        rows.append(log_softmax(scores))
    return np.array(rows)


def nll(log_probs, targets, weights):
    """Weighted sum of minus the log probability of the targets."""
    return sum(-weight * row[target] for row, target, weight in zip(log_probs, targets, weights, strict=True) if weight)


def _scores(parameters, h):
    return parameters["decoder.weight"] @ h + parameters["decoder.bias"]


def sampled_softmax(parameters, hidden, targets, weights, samples, inclusion):
    """Jean et al. 2015, equation 8; inclusion (V,): the probability of each word to be among the samples."""
    loss = 0.0
    for h, target, weight in zip(hidden, targets, weights, strict=True):
        corrected = _scores(parameters, h) - np.log(np.where(inclusion > 0, inclusion, 1.0))
        others = [corrected[j] for j in samples if j != target]
        loss += weight * (np.log(np.exp([corrected[target], *others]).sum()) - corrected[target])
    return loss


def noise_contrastive(parameters, hidden, targets, weights, noise, probabilities, log_normalizer):
    """Mnih & Teh 2012, equations 7-9; noise: the drawn words, repeats included."""
    loss = 0.0
    for h, target, weight in zip(hidden, targets, weights, strict=True):
        model = np.exp(_scores(parameters, h) - log_normalizer)
        noisy = len(noise) * probabilities
        loss -= weight * np.log(model[target] / (model[target] + noisy[target]))
        loss -= weight * sum(np.log(noisy[j] / (model[j] + noisy[j])) for j in noise)
    return loss


def blackout(parameters, hidden, targets, weights, samples, probabilities):
    """Ji et al. 2016, equations 4 to 6."""
    loss = 0.0
    for h, target, weight in zip(hidden, targets, weights, strict=True):
        scores = _scores(parameters, h)
        others = [j for j in samples if j != target]
        weighted = {j: np.exp(scores[j]) / probabilities[j] for j in [target, *others]}
        total = sum(weighted.values())
        loss -= weight * np.log(weighted[target] / total)
        loss -= weight * sum(np.log(1.0 - weighted[j] / total) for j in others)
    return loss


def class_log_probs(parameters, hidden, size, classes):
    """Mikolov et al. 2011, equation 4; classes: lists of ids, whose rows of "words.weight" stand one after the other."""
    out = np.full((len(hidden), size), -np.inf)
    for r, h in enumerate(hidden):
        of_class = log_softmax(parameters["classes.weight"] @ h + parameters["classes.bias"])
        first = 0
        for c, ids in enumerate(classes):
            rows = slice(first, first + len(ids))
            out[r, ids] = of_class[c] + log_softmax(parameters["words.weight"][rows] @ h + parameters["words.bias"][rows])
            first += len(ids)
    return out


def tree_log_probs(parameters, hidden, size, paths):
    """Morin & Bengio 2005; paths: id -> (inner nodes from the root, code such as "010")."""
    out = np.full((len(hidden), size), -np.inf)
    for r, h in enumerate(hidden):
        for word, (nodes, code) in paths.items():
            total = 0.0
            for node, bit in zip(nodes, code, strict=True):
                left = 1.0 / (1.0 + np.exp(-(parameters["nodes.weight"][node] @ h + parameters["nodes.bias"][node])))
                total += np.log(left if bit == "0" else 1.0 - left)
            out[r, word] = total
    return out


def adaptive_log_probs(parameters, hidden, size, order, cutoffs):
    """Grave et al. 2017, section 4; order: ids by rank."""
    out = np.full((len(hidden), size), -np.inf)
    borders = [*cutoffs, len(order)]
    for r, h in enumerate(hidden):
        head = log_softmax(parameters["head.weight"] @ h + parameters["head.bias"])
        out[r, order[: cutoffs[0]]] = head[: cutoffs[0]]
        for i in range(len(cutoffs)):
            inside = log_softmax(parameters[f"tail.{i}.1.weight"] @ (parameters[f"tail.{i}.0.weight"] @ h))
            out[r, order[borders[i] : borders[i + 1]]] = head[cutoffs[0] + i] + inside
    return out
