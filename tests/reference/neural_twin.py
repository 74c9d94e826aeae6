"""Recurrent language models in plain float64 NumPy, with gradients by the book: one text, one step at a time, nothing shared or reused.

Every cell is a pair of functions. `step(weights, x, state)` gives (output, new state, memory); `back(weights, memory, d_output, d_state)`
gives (d_x, d_state before, gradients by name). Weights bear torch.nn's names without "rnn." and the layer's number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray
Weights = dict[str, Array]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def elman_step(w: Weights, x: Array, state: list[Array]) -> tuple[Array, list[Array], Any]:
    h = np.tanh(w["weight_ih"] @ x + w["weight_hh"] @ state[0] + w["bias_ih"])
    return h, [h], (x, state[0], h)


def elman_back(w: Weights, memory: Any, dy: Array, d_state: list[Array]) -> tuple[Array, list[Array], Weights]:
    x, before, h = memory
    return _linear_back(w, x, before, (dy + d_state[0]) * (1 - h**2))


def relu_step(w: Weights, x: Array, state: list[Array]) -> tuple[Array, list[Array], Any]:
    h = np.maximum(0, w["weight_ih"] @ x + w["weight_hh"] @ state[0] + w["bias_ih"])
    return h, [h], (x, state[0], h)


def relu_back(w: Weights, memory: Any, dy: Array, d_state: list[Array]) -> tuple[Array, list[Array], Weights]:
    x, before, h = memory
    return _linear_back(w, x, before, np.where(h > 0, dy + d_state[0], 0))


def _linear_back(w: Weights, x: Array, before: Array, d: Array) -> tuple[Array, list[Array], Weights]:
    gradients = {"weight_ih": np.outer(d, x), "weight_hh": np.outer(d, before), "bias_ih": d}
    return w["weight_ih"].T @ d, [w["weight_hh"].T @ d], gradients


def lstm_step(w: Weights, x: Array, state: list[Array]) -> tuple[Array, list[Array], Any]:
    h, c = state
    a = np.split(w["weight_ih"] @ x + w["weight_hh"] @ h + w["bias_ih"], 4)
    p_i, p_f, p_o = w.get("peephole", np.zeros((3, len(h))))
    i, f, g = sigmoid(a[0] + p_i * c), sigmoid(a[1] + p_f * c), np.tanh(a[2])
    c_new = f * c + i * g
    o = sigmoid(a[3] + p_o * c_new)
    y = o * np.tanh(c_new)
    return y, [y, c_new], (x, h, c, i, f, g, o, c_new)


def lstm_back(w: Weights, memory: Any, dy: Array, d_state: list[Array]) -> tuple[Array, list[Array], Weights]:
    x, h, c, i, f, g, o, c_new = memory
    p_i, p_f, p_o = w.get("peephole", np.zeros((3, len(h))))
    dh = dy + d_state[0]
    do = dh * np.tanh(c_new) * o * (1 - o)
    dc = d_state[1] + dh * o * (1 - np.tanh(c_new) ** 2) + do * p_o
    di, df, dg = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2)
    dx, (d_before,), gradients = _linear_back(w, x, h, np.concatenate([di, df, dg, do]))
    if "peephole" in w:
        gradients["peephole"] = np.stack([di * c, df * c, do * c_new])
    return dx, [d_before, dc * f + di * p_i + df * p_f], gradients


def gru_step(w: Weights, x: Array, state: list[Array]) -> tuple[Array, list[Array], Any]:
    (h,) = state
    a, u = np.split(w["weight_ih"] @ x + w["bias_ih"], 3), np.split(w["weight_hh"] @ h, 3)
    r, z = sigmoid(a[0] + u[0]), sigmoid(a[1] + u[1])
    candidate = u[2] + w["bias_hn"]
    n = np.tanh(a[2] + r * candidate)
    y = (1 - z) * n + z * h
    return y, [y], (x, h, r, z, n, candidate)


def gru_back(w: Weights, memory: Any, dy: Array, d_state: list[Array]) -> tuple[Array, list[Array], Weights]:
    x, h, r, z, n, candidate = memory
    dh = dy + d_state[0]
    dn, dz = dh * (1 - z) * (1 - n**2), dh * (h - n) * z * (1 - z)
    dr = dn * candidate * r * (1 - r)
    by_input, by_state = np.concatenate([dr, dz, dn]), np.concatenate([dr, dz, dn * r])
    gradients = {"weight_ih": np.outer(by_input, x), "weight_hh": np.outer(by_state, h), "bias_ih": by_input, "bias_hn": dn * r}
    return w["weight_ih"].T @ by_input, [w["weight_hh"].T @ by_state + dh * z], gradients


def reset_before_step(w: Weights, x: Array, state: list[Array]) -> tuple[Array, list[Array], Any]:
    (h,) = state
    a, size = np.split(w["weight_ih"] @ x + w["bias_ih"], 3), len(h)
    u_r, u_z, u_n = (w["weight_hh"][k * size : (k + 1) * size] for k in range(3))
    r, z = sigmoid(a[0] + u_r @ h), sigmoid(a[1] + u_z @ h)
    n = np.tanh(a[2] + u_n @ (r * h))
    y = (1 - z) * n + z * h
    return y, [y], (x, h, r, z, n)


def reset_before_back(w: Weights, memory: Any, dy: Array, d_state: list[Array]) -> tuple[Array, list[Array], Weights]:
    x, h, r, z, n = memory
    size = len(h)
    u_r, u_z, u_n = (w["weight_hh"][k * size : (k + 1) * size] for k in range(3))
    dh = dy + d_state[0]
    dn, dz = dh * (1 - z) * (1 - n**2), dh * (h - n) * z * (1 - z)
    d_reset = u_n.T @ dn
    dr = d_reset * h * r * (1 - r)
    by_input = np.concatenate([dr, dz, dn])
    by_weight = np.concatenate([np.outer(dr, h), np.outer(dz, h), np.outer(dn, r * h)])
    before = dh * z + d_reset * r + u_r.T @ dr + u_z.T @ dz
    return w["weight_ih"].T @ by_input, [before], {"weight_ih": np.outer(by_input, x), "weight_hh": by_weight, "bias_ih": by_input}


def qrnn_step(w: Weights, x: Array, state: list[Array]) -> tuple[Array, list[Array], Any]:
    c, late = state
    now, following = np.split(w["weight_ih"] @ x, 2)
    a = np.split(now + late + w["bias_ih"], 3)
    z, f, o = np.tanh(a[0]), sigmoid(a[1]), sigmoid(a[2])
    c_new = f * c + (1 - f) * z
    return o * c_new, [c_new, following], (x, c, z, f, o, c_new)


def qrnn_back(w: Weights, memory: Any, dy: Array, d_state: list[Array]) -> tuple[Array, list[Array], Weights]:
    x, c, z, f, o, c_new = memory
    dc = d_state[0] + dy * o
    d = np.concatenate([dc * (1 - f) * (1 - z**2), dc * (c - z) * f * (1 - f), dy * c_new * o * (1 - o)])
    both = np.concatenate([d, d_state[1]])
    return w["weight_ih"].T @ both, [dc * f, d], {"weight_ih": np.outer(both, x), "bias_ih": d}


CELLS = {
    "lstm": (lstm_step, lstm_back),
    "lstm-peephole": (lstm_step, lstm_back),
    "gru": (gru_step, gru_back),
    "gru-reset-before": (reset_before_step, reset_before_back),
    "elman": (elman_step, elman_back),
    "elman-relu": (relu_step, relu_back),
    "qrnn": (qrnn_step, qrnn_back),
}


def loss_and_gradients(
    cell: str, weights: Weights, layers: int, inputs: Array, targets: Array, states: list[list[Array]]
) -> tuple[float, Weights, list[list[Array]]]:
    """Summed loss of one text under a full softmax, gradients by torch's names, and the state behind it.

    weights : encoder.weight, decoder.weight, decoder.bias, and the cells' "rnn.<name>_l<number>".
    inputs, targets : int (T,). states : for each layer its states before the text, each (H,).
    """
    step, back = CELLS[cell]
    own = [{n.removeprefix("rnn.").removesuffix(f"_l{k}"): v for n, v in weights.items() if n.endswith(f"_l{k}")} for k in range(layers)]
    gradients = {name: np.zeros_like(value) for name, value in weights.items()}
    loss, memories, d_tops = 0.0, [], []
    for token, target in zip(inputs, targets, strict=True):
        x, memory = weights["encoder.weight"][token], []
        for k in range(layers):
            x, states[k], kept = step(own[k], x, states[k])
            memory.append(kept)
        scores = weights["decoder.weight"] @ x + weights["decoder.bias"]
        p = np.exp(scores - scores.max())
        p /= p.sum()
        loss -= np.log(p[target])
        p[target] -= 1
        gradients["decoder.weight"] += np.outer(p, x)
        gradients["decoder.bias"] += p
        d_tops.append(weights["decoder.weight"].T @ p)
        memories.append(memory)
    d_states = [[np.zeros_like(s) for s in layer] for layer in states]
    for t in range(len(inputs) - 1, -1, -1):
        d = d_tops[t]
        for k in range(layers - 1, -1, -1):
            d, d_states[k], found = back(own[k], memories[t][k], d, d_states[k])
            for name, value in found.items():
                gradients[f"rnn.{name}_l{k}"] += value
        gradients["encoder.weight"][inputs[t]] += d
    return loss, gradients, states


def jordan_losses(weights: Weights, inputs: Array, targets: Array) -> Array:
    """Loss of each step of one text under a Jordan net, from a zero state, (T,)."""
    feedback = np.zeros(weights["rnn.weight_hh_l0"].shape[1])
    losses = []
    for token, target in zip(inputs, targets, strict=True):
        x = weights["encoder.weight"][token]
        h = np.tanh(weights["rnn.weight_ih_l0"] @ x + weights["rnn.weight_hh_l0"] @ feedback + weights["rnn.bias_ih_l0"])
        p = np.exp(weights["decoder.weight"] @ h + weights["decoder.bias"])
        p /= p.sum()
        feedback = p @ weights["decoder.weight"]
        losses.append(-np.log(p[target]))
    return np.array(losses)
