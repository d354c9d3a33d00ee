"""What decides whether a rule's update is stable."""

from matplotlib.figure import Figure as Page

from lib.figures import panels
from lib.figures.panels import Look
from lib.figures.results import Results
from lib.figures.style import BLUE, GREEN, RED, make_logarithmic
from lib.numbers import asked_for
from lsnn.curvature.quantities import prefix_of
from lsnn.study.columns import ITERATION
from lsnn.study.outputs import Figure, entry_columns

# The label and the look of the columns that are compared.
SHOWN = {
    "hessian_max": (r"$\lambda_{\max}$ of the Hessian", Look(BLUE, "-", "o")),
    "mu_abs_max": (r"$|\mu|$ of the rule's derivative", Look(RED, (0, (3, 2)), "s")),
    "curvature_bound": (r"2 / (learning rate $\times\ \rho$)", Look(GREEN, (0, (1, 1)), "^")),
}


def draw_stability(results: Results, figure: Figure) -> Page | None:
    """Draw what decides whether a rule's update is stable, one panel per condition."""
    study, (kind, entry) = results.study, figure.entry
    prefix = prefix_of(study.entries(kind)[entry])
    by_name = {column.name: column for column in entry_columns(study)}
    columns = [by_name[prefix + name] for name in SHOWN]
    *_, bound = columns
    if bound.name not in results.trajectories:
        return None
    rows = asked_for(results.trajectories, bound)
    thresholds, changing = panels.thresholds(study), panels.changing_thresholds(study)
    page, by_condition = panels.panels_by_condition(rows["condition"].unique(), study)
    for name, axes in by_condition.items():
        of_condition = rows[rows["condition"] == name]
        of_finished = panels.extended_to_the_end(panels.successful(of_condition))
        for column, (_, look) in zip(columns, SHOWN.values(), strict=True):
            runs, means = (panels.shown(part, column) for part in (of_condition, of_finished))
            panels.draw_lines(axes, runs, look, ITERATION.name, column, alpha=0.6)
            if len(means):
                panels.draw_mean(axes, means, look, ITERATION.name, column)
        if name in thresholds:
            axes.axhline(thresholds[name], zorder=1, **panels.THRESHOLD)
        if name in changing:
            axes.plot(*changing[name], zorder=1, **panels.THRESHOLD)
        panels.scale_axis(axes, "x", ITERATION)
        axes.set_ylabel(r"$\lambda_{\max}$, $|\mu|$, bounds on them")
        make_logarithmic(axes.yaxis)
        axes.label_outer()
    note = panels.left_out(rows, bound)
    panels.add_notes(page, note and f"{bound.label}: {note}", panels.failed(rows, study))
    handles = [look.handle(label) for label, look in SHOWN.values()]
    crosses = panels.cross_handles(rows, columns)
    panels.add_legend(page, [*handles, panels.threshold_handle(), *crosses])
    return page
