"""Gradients under every learning rule, in numpy and float64, without autodiff.

Two oracles share the forward pass and nothing else. To follow them:

1. :class:`Run` computes the forward pass and keeps everything that happens: outputs z, membranes v,
   traces s, thresholds A, and the slope dz/du of every unit at every step.
2. :func:`errors_at_outputs` gives dE/dy of every step.

Then either errors go back in time, :func:`backward`:

3. The readout returns them to the units: the learning signals dE/dz through the readout alone.
4. The rule says what else reaches a unit: through its recurrent synapses, from later steps.
5. Within a unit, an error passes through output, membrane, reset and adaptation to its current.
6. A gradient is the sum over steps of what a synapse carried times the error of the current.

Or derivatives of the state by every weight are carried forward in time, :func:`forward`:

3. The current of a step changes with a weight by what its synapse carries: by the input or output
   of the presynaptic unit.
4. The current of a step also changes by what other units did before: one more recurrent synapse.
5. The change of the current changes membrane, threshold, output and trace: step 1, differentiated.
6. A gradient is the sum over steps of dE/dy times the change of the readout.

A comparison with an oracle shows something only if its negative controls hold:
:func:`assert_model_is_live` and :func:`assert_gradients_differ`.
"""

import itertools

import numpy as np

from lsnn.neurons.base import decay


def assert_model_is_live(run):
    """Negative control: units are above and below threshold, and not only a few of them.

    Of a network that is silent, or linear, all rules would give the same.
    """
    active = np.array(run.z[1:]) > 0
    assert 0.01 < active.mean() < 0.99, f"units are on for {active.mean():.3f} of the time"
    assert active.any(axis=(0, 1)).mean() > 0.3, "most units are never on"
    assert any(slope.any() for slope in run.slope), "no output depends on its membrane"


def assert_gradients_differ(gradients, least=1e-4):
    """Negative control: no two are the same, so that none could stand for another.

    Args:
        gradients: arrays by the name of what gave them.
        least: relative difference of any two.
    """
    for first, second in itertools.combinations(gradients, 2):
        difference = np.linalg.norm(gradients[first] - gradients[second])
        assert difference > least * np.linalg.norm(gradients[second]), (first, second)


class Run:
    """Step 1: the forward pass of a network, everything that happens in it.

    Args:
        network: :class:`lsnn.network.Network`, with or without spikes, adaptation and delays.
        weights: arrays by name.
        inputs: (steps, batch, n_in).
    """

    def __init__(self, network, weights, inputs):
        self.network = network
        self.x = np.asarray(inputs, np.float64)
        options, n = network.settings.neurons, network.settings.n_units
        self.n, self.spiking = n, network.neurons.spiking
        self.w = {name: value.astype(np.float64) for name, value in weights.items()}
        self.exists = {"w_in": np.ones(self.w["w_in"].shape), "w_rec": 1 - np.eye(n)}
        self.w["w_rec"] = self.w["w_rec"] * self.exists["w_rec"]
        self.alpha, self.kappa = decay(options["tau_m"]), decay(network.settings.tau_out)
        n_adaptive = options.get("n_adaptive", 0)
        self.beta = np.where(np.arange(n) >= n - n_adaptive, options.get("beta", 0.0), 0.0)
        self.rho = decay(options["tau_adaptation"]) if n_adaptive else 0.0
        self.latency = 1 if self.spiking else 0
        delays = network.delays or {name: np.zeros(m.shape, int) for name, m in self.exists.items()}
        self.n_delays = network.settings.n_delays
        self.of_delay = [delays["w_rec"] == d for d in range(self.n_delays)]
        self.masks = {
            name: [(delays[name] == d) * self.exists[name] for d in range(self.n_delays)]
            for name in ("w_in", "w_rec")
        }
        self._go(options)

    def _go(self, options):
        n_steps, n_examples, _ = self.x.shape
        v, a, z, s = (np.zeros((n_examples, self.n)) for _ in range(4))
        last_spike = np.full((n_examples, self.n), -np.inf)
        # Of every step; z and v have the initial state before them.
        self.z, self.v, self.s, self.A, self.slope = [z], [v], [], [], []
        for t in range(n_steps):
            current = self.currents(self.x, self.z, t)
            a = self.rho * a + (1 - self.rho) * z
            threshold = options["threshold"] + self.beta * a
            membrane = self.alpha * v + (1 - self.alpha) * current - z * threshold
            if self.spiking:
                u = (v - threshold) / threshold
                free = t - last_spike > options["refractory_steps"]
                slope = options["dampening"] * np.maximum(0, 1 - np.abs(u)) * free
                z = ((u > 0) & free).astype(float)
                last_spike[z > 0] = t
            else:
                slope = (membrane > threshold).astype(float)
                z = slope * (membrane - threshold)
            v = membrane
            s = self.kappa * s + (1 - self.kappa) * z
            self.z.append(z)
            self.v.append(v)
            self.s.append(s)
            self.A.append(threshold)
            self.slope.append(slope)
        self.outputs = np.array(self.s).dot(self.w["w_out"]) + self.w["b_out"]

    def currents(self, x, z, t):
        """Return the input current of a step, from inputs of all steps and outputs before it."""
        found = 0.0
        for d in range(min(self.n_delays, t + 1)):
            found = found + x[t - d].dot(self.w["w_in"] * self.masks["w_in"][d])
            found = found + z[t - d].dot(self.w["w_rec"] * self.masks["w_rec"][d])
        return found

    def gain(self, t):
        """Return the derivative of the output of a step by the first current that changes it."""
        if self.spiking:
            return (1 - self.alpha) * self.slope[t] / self.A[t]
        return (1 - self.alpha) * self.slope[t]

    def learning_signals(self, errors, feedback):
        """Step 3 backward: return dE/dz of every step through the readout alone."""
        through_trace, found = 0.0, []
        for error in errors[::-1]:
            through_trace = self.kappa * through_trace + error.dot(feedback.T)
            found.insert(0, (1 - self.kappa) * through_trace)
        return found


def backward(run, errors, rule="bptt", w_back=None, feedback=None, of_rates=0.0, **options):
    """Return the gradients of a rule, by errors that go back in time.

    Args:
        run: :class:`Run`.
        errors: dE/dy of every step (steps, batch, n_out).
        rule: bptt, three_factor, mdgl, modprop (option mu), window or hops (option k), leaky_trace
            (option tau), whose traces go forward in time.
        w_back: what stands for w_rec on the way back.
        feedback: what stands for w_out.
        of_rates: dE/dz that does not come through the readout, the same in every step.
    """
    if rule not in ("bptt", "three_factor", "mdgl", "modprop", "window", "hops", "leaky_trace"):
        raise ValueError(f"the oracle has no rule {rule}; write one here")
    w_rec = run.w["w_rec"]
    w_back = w_rec if w_back is None else w_back
    # Step 3: learning signals; q is the error of the output of every step.
    signals = run.learning_signals(errors, run.w["w_out"] if feedback is None else feedback)
    n_steps = len(signals)
    q = [signal + of_rates for signal in signals]
    of_readout = {
        "w_out": sum(s.T.dot(error) for s, error in zip(run.s, errors)),
        "b_out": np.sum(errors, axis=(0, 1)),
    }
    if rule == "leaky_trace":
        return dict(_by_presynaptic_traces(run, q, **options), **of_readout)
    # Step 4: what else reaches a unit.
    if rule == "mdgl":
        for t in range(n_steps):
            for d in range(run.n_delays):
                later = t + 1 + d + run.latency
                if later < n_steps:
                    back = (w_back * run.of_delay[d]).T
                    q[t] = q[t] + (run.gain(later) * signals[later]).dot(back)

    def sent_back(errors_of_current, t):
        """Return what a step gets of later ones through the recurrent synapses."""
        found = np.zeros_like(q[0])
        for d in range(run.n_delays):
            later = t + 1 + d
            if later < n_steps and (rule != "window" or t + 1 >= n_steps - options["k"]):
                found = found + errors_of_current[later].dot((w_back * run.of_delay[d]).T)
        return found

    # Step 5: to the currents, through each unit's own dynamics.
    if rule == "hops":
        found = []
        for _ in range(options["k"] + 1):
            level = _own_dynamics(run, q, lambda errors, t: (0.0, 0.0))
            found.append(level)
            q = [sent_back(level, t) for t in range(n_steps)]
        errors_of_current = [sum(parts) for parts in zip(*found)]
    else:
        passed = {
            "bptt": lambda errors, t: (sent_back(errors, t), 0.0),
            "window": lambda errors, t: (sent_back(errors, t), 0.0),
            "modprop": lambda errors, t: (0.0, options.get("mu", 0.0) * sent_back(errors, t)),
        }.get(rule, lambda errors, t: (0.0, 0.0))
        errors_of_current = _own_dynamics(run, q, passed)
    # Step 6: what a synapse carried, times the error of the current.
    gradients = {"w_in": np.zeros_like(run.w["w_in"]), "w_rec": np.zeros_like(w_rec)}
    for t in range(n_steps):
        for d in range(min(run.n_delays, t + 1)):
            sources = {"w_in": run.x[t - d], "w_rec": run.z[t - d]}
            for name, source in sources.items():
                gradients[name] += run.masks[name][d] * source.T.dot(errors_of_current[t])
    return dict(gradients, **of_readout)


def _by_presynaptic_traces(run, q, tau):
    """Return the sums over steps of error, slope of the unit, and trace of what a synapse carries.

    Args:
        q: error of the output of every step.
        tau: time constant of the traces.
    """
    kept = decay(tau)
    gradients = {name: np.zeros_like(run.w[name]) for name in ("w_in", "w_rec")}
    traces = {name: [0.0] * run.n_delays for name in gradients}
    for t, error in enumerate(q):
        before = {name: list(by_delay) for name, by_delay in traces.items()}
        for d in range(run.n_delays):
            carried = {"w_in": run.x[t - d], "w_rec": run.z[t - d]} if t >= d else {}
            for name, by_delay in traces.items():
                by_delay[d] = kept * by_delay[d] + (1 - kept) * carried.get(name, 0.0)
        # A spike reads the membrane of the step before, relative to the threshold.
        of_membrane = error * run.slope[t] / (run.A[t] if run.spiking else 1.0)
        for name, by_delay in (before if run.spiking else traces).items():
            for mask, trace in zip(run.masks[name], by_delay):
                if np.ndim(trace):  # nothing has arrived yet
                    gradients[name] += mask * trace.T.dot(of_membrane)
    return gradients


def _own_dynamics(run, q, passed):
    """Step 5 backward: return the errors of the input currents of all steps.

    They pass through each unit's own output, membrane, reset and adaptation.

    Args:
        q: error of the output of every step.
        passed: function of the errors of the currents so far and the step that returns what comes
            through recurrent synapses to the output, and to the distance to threshold.
    """
    n_steps = len(q)
    errors = [None] * n_steps
    zero = np.zeros_like(q[0])
    dv_after, da_after, du_after = zero, zero, zero
    for t in range(n_steps - 1, -1, -1):
        is_last = t + 1 == n_steps
        to_z, to_u = passed(errors, t)
        dz = q[t] + to_z + (1 - run.rho) * da_after
        if not is_last:
            dz = dz - run.A[t + 1] * dv_after
        du = to_u + run.slope[t] * dz
        dv = run.alpha * dv_after
        if run.spiking:
            if not is_last:
                dv = dv + du_after / run.A[t + 1]
            threshold_of_u = -du * run.v[t] / run.A[t] ** 2  # v of the step before
        else:
            dv = dv + du
            threshold_of_u = -du
        da = run.beta * (threshold_of_u - run.z[t] * dv) + run.rho * da_after
        errors[t] = (1 - run.alpha) * dv
        dv_after, da_after, du_after = dv, da, du
    return errors


def forward(run, errors, hops, of_rates=0.0):
    """Return the gradients by w_in and w_rec along paths of at most so many recurrent synapses.

    Derivatives of the state are carried forward in time (real-time recurrent learning), each of
    shape (batch, pre, post, units): by the weight from an input or unit to a unit, of any unit.
    Those along paths of at most m synapses drive those of at most m + 1. With ``hops`` = 0 these
    are the eligibility traces of every synapse.
    """
    n_steps, n_examples, n_in = run.x.shape
    n = run.n
    n_levels = hops + 1
    shape = (n_examples, n_in + n, n, n)
    e_v, e_a, e_z, e_s = ([np.zeros(shape) for _ in range(n_levels)] for _ in range(4))
    history = []  # e_z of all levels after every step so far
    masks = [np.concatenate([run.masks[name][d] for name in ("w_in", "w_rec")])
             for d in range(run.n_delays)]  # fmt: skip
    signal = np.zeros(shape[1:3])
    for t in range(n_steps):
        history.append(list(e_z))
        # Step 3: what the synapse itself carries.
        own = np.zeros(shape)
        for d in range(min(run.n_delays, t + 1)):
            source = np.concatenate([run.x[t - d], run.z[t - d]], axis=1)
            own += (source[:, :, None] * masks[d])[:, :, :, None] * np.eye(n)
        unit = (slice(None), None, None)  # aligns (batch, units) with the traces
        for m in range(n_levels):
            # Step 4: what other units did before.
            e_current = own.copy()
            for d in range(min(run.n_delays, t + 1) if m else 0):
                here = run.w["w_rec"] * run.masks["w_rec"][d]
                e_current += np.einsum("bijl,lk->bijk", history[t - d][m - 1], here)
            # Step 5: the unit's dynamics, differentiated.
            e_a[m] = run.rho * e_a[m] + (1 - run.rho) * e_z[m]
            e_threshold = run.beta * e_a[m]
            threshold, z = run.A[t][unit], run.z[t][unit]
            reset = e_z[m] * threshold + z * e_threshold
            before = e_v[m]
            e_v[m] = run.alpha * before + (1 - run.alpha) * e_current - reset
            if run.spiking:
                e_u = (before - e_threshold * (run.v[t][unit] / threshold)) / threshold
            else:
                e_u = e_v[m] - e_threshold
            e_z[m] = run.slope[t][unit] * e_u
            e_s[m] = run.kappa * e_s[m] + (1 - run.kappa) * e_z[m]
        # Step 6: dE/dy times the change of the readout.
        learning_signal = errors[t].dot(run.w["w_out"].T)
        signal += np.einsum("bk,bijk->ij", learning_signal, e_s[-1])
        signal += np.einsum("bk,bijk->ij", np.zeros((n_examples, n)) + of_rates, e_z[-1])
    return {"w_in": signal[:n_in], "w_rec": signal[n_in:]}


def type_means(w_rec, signs, existing):
    """Return w_rec with the means of blocks of types, as loops over the blocks."""
    found = np.zeros_like(w_rec)
    for pre in (1, -1):
        for post in (1, -1):
            block = np.ix_(signs == pre, signs == post)
            weights = w_rec[block]
            if existing:
                mean = weights.sum() / max(np.count_nonzero(weights), 1)
                found[block] = np.where(weights != 0, mean, 0.0)
            elif weights.size:
                found[block] = weights.mean()
    return found


def errors_at_outputs(network, outputs, targets):
    """Step 2: return the task's loss and dE/dy (steps, batch, n_out) of every step.

    The loss, of the kind of the network's, is of the outputs' mean over a window of last steps.
    """
    n_steps, n_examples, n_out = outputs.shape
    width = network.task.window_steps
    of_kind = {"task": cross_entropy, "squared_error": squared_error}[network.terms.kind]
    losses, derivatives = of_kind(outputs[n_steps - width :].mean(axis=0), np.eye(n_out)[targets])
    errors = np.zeros_like(outputs)
    errors[n_steps - width :] = derivatives / n_examples / width
    return losses.mean(), errors


def cross_entropy(logits, wanted):
    """Return the softmax cross entropy (batch) and its derivative by the logits (batch, n_out)."""
    probability = np.exp(logits - logits.max(1, keepdims=True))
    probability /= probability.sum(1, keepdims=True)
    return -np.log((probability * wanted).sum(1)), probability - wanted


def squared_error(outputs, wanted):
    """Return the squared distance (batch) and its derivative by the outputs (batch, n_out)."""
    return ((outputs - wanted) ** 2).sum(1), 2 * (outputs - wanted)
