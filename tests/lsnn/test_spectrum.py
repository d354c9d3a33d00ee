"""Trace, density and further eigenvalues, against dense matrices."""

import itertools

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from lsnn.curvature.along_run import Point, Probes, chosen, measure_along
from lsnn.curvature.eigenvalues import Krylov, extreme_eigenvalues
from lsnn.curvature.hessian import hessian_of, sample_of
from lsnn.curvature.quantities import QUANTITIES, REGISTRIES, quantities_of
from lsnn.curvature.quantities.density import numbers_of
from lsnn.errors import ConfigError
from lsnn.options import build
from lsnn.storage.progress import Progress
from lsnn.study.config import parse_study
from lsnn.training import checkpoint_iterations
from small import small_network

pytestmark = pytest.mark.slow_on("1.12")


class Known(LinearOperator):
    """A symmetric matrix, and how often it was asked for a product."""

    def __init__(self, matrix):
        super().__init__(np.float64, matrix.shape)
        self.matrix, self.size, self.products = matrix, len(matrix), 0

    def _matvec(self, vector):
        self.products += 1
        return self.matrix.dot(np.ravel(vector))


def known(values, seed=0):
    """Return an operator with these eigenvalues, in random directions."""
    size = len(values)
    vectors = np.linalg.qr(np.random.RandomState(seed).randn(size, size))[0]
    return Known((vectors * values).dot(vectors.T))


def at(operator, seed=3):
    """Return the point at which an operator is."""
    return Point(operator, Probes(operator, seed), seed, 0, {})


def measured(operator, seed=3, **settings):
    """Return what a quantity says of an operator."""
    return build(QUANTITIES, settings).measure(at(operator, seed))[0]


@pytest.fixture(scope="module")
def hessian():
    network, weights = small_network("leaky")
    found = hessian_of(network, "w_rec", "validation", 8)
    found.move_to(weights)
    return found


@pytest.fixture(scope="module")
def matrix(hessian):
    dense = np.array([hessian.product(column) for column in np.eye(hessian.size)])
    return (dense + dense.T) / 2


LIKE_A_HESSIAN = np.concatenate([0.1 * np.random.RandomState(1).randn(150), [3.0, 5.0, 20.0]])


def test_the_largest_and_smallest_eigenvalues_of_a_hessian(hessian, matrix):
    row = measured(hessian, name="extremes", k=4, tolerance=1e-4)
    spectrum = np.linalg.eigvalsh(matrix)
    for place in range(4):
        suffix = "" if place == 0 else f"_{place + 1}"
        for name, expected in (("max", spectrum[-1 - place]), ("min", spectrum[place])):
            column = f"lambda_{name}{suffix}"
            assert row[column] == pytest.approx(expected, rel=1e-3, abs=1e-5 * spectrum[-1])
            assert row[column + "_converged"] is True
            assert row[column + "_residual"] <= 1e-4 or row[column + "_norm_residual"] <= 1e-6
    assert row["lambda_abs_max"] == max(row["lambda_max"], row["lambda_min"], key=abs)


def test_columns_of_further_eigenvalues_are_those_that_are_measured():
    operator = known(LIKE_A_HESSIAN)
    for settings in ({"k": 1}, {"k": 3}, {"k": 3, "ends": "largest"}):
        extremes = build(QUANTITIES, dict(settings, name="extremes"))
        names = [column.name for column in extremes.columns]
        assert sorted(names) == sorted(extremes.measure(at(operator))[0])
        assert len(set(names)) == len(names)


def test_all_eigenvalues_and_no_more_can_be_asked_for():
    operator = known(np.array([3.0, -1.0, 2.0]))
    found = extreme_eigenvalues(Krylov(operator), 1e-6, k=3)
    values = [eigenvalue.value for eigenvalue in found]
    assert values == pytest.approx([3.0, 2.0, -1.0, -1.0, 2.0, 3.0])
    for k in (0, 4):
        with pytest.raises(ConfigError, match=f"k: {k} eigenvalues .* 1 to 3 are possible"):
            extreme_eigenvalues(Krylov(operator), k=k)


MULTIPLE = {
    "null space": [5.0, 1.0] + [0.0] * 48,
    "both ends": [10.0, 10.0, 10.0, 9.0, *np.linspace(-1.0, 1.0, 40), -4.0, -4.0],
    "inside": [20.0, 7.0, 7.0, *np.linspace(0.0, 1.0, 40), -2.0, -3.0],
    "identity": [3.0] * 20,
    "two": [2.0] * 10 + [-1.0] * 10,
    "many of one": [4.0] * 30 + list(np.linspace(0.0, 1.0, 30)),
    "simple": [*np.linspace(-1.0, 2.0, 20), 50.0, 40.0, 30.0, -20.0, -21.0, -22.0],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("name", sorted(MULTIPLE))
def test_multiple_eigenvalues_are_found_as_often_as_they_are_there(name, k):
    """Against the dense spectrum, in random directions and in those of the axes."""
    values = np.sort(MULTIPLE[name])
    for operator in (known(values), Known(np.diag(values))):
        found = extreme_eigenvalues(Krylov(operator), 1e-4, k)
        expected = np.concatenate([values[::-1][:k], values[:k]])
        near = max(1e-6, 1e-6 * np.abs(values).max())
        assert [e.value for e in found] == pytest.approx(expected, rel=1e-4, abs=near)
        assert all(eigenvalue.converged for eigenvalue in found)
        (*largest,) = extreme_eigenvalues(Krylov(operator), 1e-4, k, smallest=False)
        assert [e.value for e in largest] == pytest.approx(expected[:k], rel=1e-4, abs=near)
        for eigenvalue in found:
            residual = operator.matrix.dot(eigenvalue.vector) - eigenvalue.value * eigenvalue.vector
            assert np.linalg.norm(residual) <= 1e-4 * abs(eigenvalue.value) + near
        for one_end in (found[:k], found[k:]):
            vectors = np.array([eigenvalue.vector for eigenvalue in one_end])
            assert vectors.dot(vectors.T) == pytest.approx(np.eye(k), abs=1e-3)


def test_a_product_that_is_not_finite_is_seen_in_a_later_space_too():
    operator = known(np.array(MULTIPLE["both ends"]))
    first = Known(operator.matrix)
    extreme_eigenvalues(Krylov(first), k=1)
    for most in (first.products + 8, 2 * first.products):
        operator.products, matrix = 0, operator.matrix

        def product(vector, most=most, matrix=matrix):
            operator.products += 1
            return matrix.dot(vector) * (1.0 if operator.products < most else np.nan)

        operator._matvec = product
        for eigenvalue in extreme_eigenvalues(Krylov(operator), k=2):
            assert np.isnan(eigenvalue.value) and not eigenvalue.converged


def test_quantities_are_computed_behind_those_that_they_use(monkeypatch):
    """Whatever the order of the registry: the numbers depend on it."""
    entry = parse_study({"hessian": [{"quantities": ["extremes", "trace", "density"]}]}).hessian[0]

    def numbers():
        point = at(known(LIKE_A_HESSIAN))
        quantities = quantities_of("hessian", entry)
        return {name: quantity.measure(point)[0] for name, quantity in quantities.items()}

    found = numbers()
    for names in itertools.permutations(found):
        registry = {name: QUANTITIES[name] for name in names}
        monkeypatch.setitem(REGISTRIES, "hessian", registry)
        again = numbers()
        assert sorted(again) == sorted(found)
        assert next(iter(again)) == "density"
        for name in ("extremes", "trace"):
            assert again[name] == found[name]


def test_the_trace_is_exact_where_probes_cannot_differ():
    row = measured(Known(np.diag([1.0, -4.0, 7.5])), name="trace")
    assert row["trace"] == pytest.approx(4.5) and row["trace_se"] == pytest.approx(0, abs=1e-12)
    assert row["trace_probes"] == 8 and row["trace_converged"] is True


@pytest.mark.parametrize("relative_error, most", [(0.02, 1000), (0.3, 1000), (1e-3, 20)])
def test_probes_are_added_until_the_trace_is_good_enough(relative_error, most):
    operator = known(LIKE_A_HESSIAN)
    settings = {"relative_error": relative_error, "most_probes": most}
    row = measured(operator, name="trace", **settings)
    assert operator.products == row["trace_probes"]
    is_good = row["trace_se"] <= relative_error * abs(row["trace"])
    assert row["trace_converged"] is is_good
    assert is_good or row["trace_probes"] == most
    if is_good and row["trace_probes"] > 8:
        fewer = dict(settings, most_probes=row["trace_probes"] - 1)
        assert measured(operator, name="trace", **fewer)["trace_converged"] is False


def test_the_standard_error_of_the_trace_is_one():
    operator = known(LIKE_A_HESSIAN)
    exact = LIKE_A_HESSIAN.sum()
    settings = {"name": "trace", "relative_error": 1e-6, "most_probes": 100}
    rows = [measured(operator, seed, **settings) for seed in range(200)]
    errors = np.array([(row["trace"] - exact) / row["trace_se"] for row in rows])
    assert abs(errors.mean()) < 0.3 and 0.8 < errors.std() < 1.25
    assert 0.9 < np.mean(np.abs(errors) < 1.98) < 0.99  # 95 %


def test_trace_of_a_hessian(hessian, matrix):
    row = measured(hessian, name="trace", relative_error=0.02, most_probes=2000)
    assert row["trace_converged"]
    assert abs(row["trace"] - np.trace(matrix)) < 4 * row["trace_se"]


def test_nodes_and_weights_have_the_moments_that_a_probe_sees(hessian, matrix):
    """Gauss quadrature: of m nodes, all moments to 2 m - 1 (here scaled by the norm)."""
    settings = {"name": "density", "probes": 3, "steps": 6}
    row = measured(hessian, **settings)
    nodes, weights = row["density_nodes"], row["density_weights"]
    assert nodes.shape == weights.shape == (3, 6)
    assert weights.sum(axis=1) == pytest.approx(1.0)
    norm = np.linalg.norm(matrix, 2)
    for number in range(3):
        probe = Probes(hessian, 3).vector(number)
        assert set(probe) == {-1.0, 1.0}
        image = probe
        for power in range(1, 12):
            image = matrix.dot(image) / norm
            moment = (weights[number] * (nodes[number] / norm) ** power).sum()
            assert moment == pytest.approx(probe.dot(image) / len(probe), abs=1e-6)


def test_moments_of_the_density_are_those_of_the_spectrum_to_their_standard_error():
    spectrum = np.random.RandomState(1).randn(150)
    operator = known(spectrum)
    errors = {1: [], 2: [], 3: []}
    for seed in range(60):
        row = measured(operator, seed, name="density", probes=20, steps=20)
        for power, of_power in errors.items():
            by_probe = (row["density_weights"] * row["density_nodes"] ** power).sum(axis=1)
            error = by_probe.std(ddof=1) / np.sqrt(20)
            of_power.append((by_probe.mean() - np.mean(spectrum**power)) / error)
    for of_power in errors.values():
        assert abs(np.mean(of_power)) < 0.45 and 0.75 < np.std(of_power) < 1.35


def test_outliers_bulk_and_negative_part_are_those_of_the_spectrum():
    operator = known(LIKE_A_HESSIAN)
    rows = [measured(operator, seed, name="density", probes=20) for seed in range(30)]
    bulk = LIKE_A_HESSIAN[np.abs(LIKE_A_HESSIAN) <= 2.0]
    expected = {
        "outliers": 3,
        "bulk_mean": bulk.mean(),
        "bulk_width": bulk.std(),
        "negative_mass": -bulk[bulk < 0].sum() / np.abs(LIKE_A_HESSIAN).sum(),
    }
    for name, value in expected.items():
        found = np.array([row[name] for row in rows])
        errors = np.array([row[name + "_se"] for row in rows])
        mean_error = np.sqrt((errors**2).mean() / len(rows))
        assert abs(found.mean() - value) < 4 * mean_error + 0.03 * abs(value), name
        assert 0.6 < found.std() / np.sqrt((errors**2).mean()) < 1.5, name


def test_a_density_of_every_node_is_exact():
    nodes, weights = np.array([[1.0, -2.0, 40.0, 0.0]] * 2), np.array([[0.25] * 4] * 2)
    row = numbers_of(nodes, weights, size=400)
    assert row["outliers"] == 100 and row["outliers_se"] == 0
    assert row["bulk_mean"] == pytest.approx(-1 / 3)
    assert row["bulk_width"] == pytest.approx(np.std([1.0, -2.0, 0.0]))
    assert row["negative_mass"] == pytest.approx(2 / 43)


@pytest.mark.filterwarnings("error")
def test_a_density_of_a_space_that_is_soon_whole():
    row = measured(known(np.array([3.0, -1.0, 2.0])), name="density", probes=2, steps=10)
    assert np.isfinite(row["density_nodes"]).sum() == 6
    assert row["density_weights"].sum(axis=1) == pytest.approx(1.0)
    assert np.array_equal(row["density_weights"] > 0, np.isfinite(row["density_nodes"]))
    only = measured(Known(np.eye(4)), name="density", probes=2, steps=10)
    assert only["outliers"] == 4 and np.isnan(only["bulk_mean"])


@pytest.mark.filterwarnings("error")
def test_nothing_is_finite():
    operator = Known(np.full((4, 4), np.nan))
    row = measured(operator, name="density", probes=2, steps=3)
    assert np.isnan(row["outliers"]) and np.isnan(row["negative_mass_se"])
    assert row["density_nodes"].shape == (2, 3)
    trace = measured(operator, name="trace")
    assert np.isnan(trace["trace"]) and trace["trace_converged"] is False


def test_quantities_share_products():
    """Of the density's spaces the first is that of the extremes, and all give the trace."""
    operator = known(LIKE_A_HESSIAN)
    names = ("density", "trace", "extremes")
    point = at(operator)
    rows = {name: build(QUANTITIES, {"name": name}).measure(point)[0] for name in names}
    assert rows["trace"]["trace_probes"] >= 8
    of_trace = rows["trace"]["trace_probes"] - 8
    assert operator.products - 8 * 40 - of_trace < 20
    alone = measured(known(LIKE_A_HESSIAN), name="trace")
    assert alone["trace"] == pytest.approx(rows["trace"]["trace"])
    assert rows["extremes"]["lambda_max"] == pytest.approx(20.0, rel=1e-3)


def test_a_second_sample_is_disjoint_and_the_first_comes_back():
    network, weights = small_network()
    hessian = hessian_of(network, "w_rec", "validation", 8)
    hessian.move_to(weights)
    direction = np.random.RandomState(1).randn(hessian.size)
    before = hessian.product(direction)
    row = measured(hessian, name="second_sample", tolerance=1e-4)
    assert np.array_equal(hessian.product(direction), before)
    first, second = [sample_of(network, "validation", 8, place) for place in (0, 1)]
    columns = [set(map(bytes, np.moveaxis(part[0], 1, 0))) for part in (first, second)]
    assert len(columns[0]) == len(columns[1]) == 8 and not columns[0] & columns[1]
    with hessian.on(second):
        dense = np.array([hessian.product(column) for column in np.eye(hessian.size)])
    spectrum = np.linalg.eigvalsh((dense + dense.T) / 2)
    assert row["lambda_max_second_sample"] == pytest.approx(spectrum[-1], rel=1e-3)
    assert row["lambda_min_second_sample"] == pytest.approx(spectrum[0], rel=1e-3)
    assert row["lambda_max_second_sample_converged"] is True


def test_checkpoints_are_chosen_at_equal_parts_of_the_schedule():
    schedule = checkpoint_iterations(10000, 250)
    iterations = np.array(schedule)
    assert chosen(iterations, schedule) == list(range(len(schedule)))
    found = iterations[chosen(iterations, schedule, 5)]
    assert list(found) == [0, 2500, 5000, 7500, 10000]
    assert list(iterations[chosen(iterations, schedule, 2)]) == [0, 10000]
    # Conditions of other lengths have them at the same fractions.
    other = np.array(checkpoint_iterations(16000, 400))
    fractions = other[chosen(other, list(other), 10)] / 16000
    assert list(fractions) == list(iterations[chosen(iterations, schedule, 10)] / 10000)
    # A run that ended early keeps those that it has, and its last.
    ended = iterations[iterations <= 5250]
    assert list(ended[chosen(ended, schedule, 5)]) == [0, 2500, 5000, 5250]
    assert chosen(iterations[:1], schedule, 5) == [0]
    evenly = set(range(0, 10001, 250))
    assert evenly <= set(iterations[chosen(iterations, schedule, 1000)])


def test_everything_is_followed_to_the_same_bits_however_often_it_is_stopped(tmpdir):
    network, weights = small_network()
    arrays = {name: np.stack([w * s for s in (1.0, 1.1, 1.2)]) for name, w in weights.items()}
    arrays["iteration"] = np.array([0, 5, 10])
    settings = {"density": {"steps": 5}, "nearby": {"directions": 2}}
    quantities = [dict(settings.get(name, {}), name=name) for name in reversed(list(QUANTITIES))]
    of_all = [{"block": "all", "samples": 10, "quantities": quantities}]
    entry = parse_study({"hessian": of_all, "loss": {"l2": 0}}).hessian[0]
    assert list(quantities_of("hessian", entry)) == list(QUANTITIES)  # in their own order

    def records_of(path, *stops):
        for n_checkpoints in (*stops, 3):
            found = hessian_of(network, "w_rec", "validation", 10)
            progress = Progress(str(path), {}, pytest.fail)
            of_entry = quantities_of("hessian", entry)
            places = range(n_checkpoints)
            measure_along(found, of_entry, arrays, places, 3, progress, lambda row: None)
        return progress.records

    whole = records_of(tmpdir.join("whole"))
    assert [record["density_nodes"].shape for record in whole] == 3 * [(8, 5)]
    for found, record in zip(records_of(tmpdir.join("stopped"), 1, 2), whole):
        assert list(found) == list(record)
        for name, array in record.items():
            assert found[name].tobytes() == array.tobytes()
