"""What decides whether a rule's update is stable."""

from lib.figures import panels
from lib.figures.panels import RUNS_AND_MEANS, Look
from lib.figures.style import COLOURS, label_logarithmic
from lib.numbers import asked_for
from lsnn.curvature.quantities import prefix_of
from lsnn.study.columns import FRACTION
from lsnn.study.outputs import entry_columns

# The label and the look of the columns that are compared.
SHOWN = {
    "hessian_max": (r"$\lambda_{\max}$ of the Hessian", Look(COLOURS["blue"], "-", "o")),
    "mu_abs_max": (
        r"$|\mu|$ of the rule's derivative",
        Look(COLOURS["red"], (0, (5, 1)), "s"),
    ),
    "curvature_bound": (
        r"2 / (learning rate $\times\ \rho$)",
        Look(COLOURS["green"], (0, (1, 1)), "^"),
    ),
}


def draw_stability(results, figure):
    """Draw what decides whether a rule's update is stable, one panel per condition."""
    study, columns = results.study, {column.name: column for column in entry_columns(results.study)}
    kind, entry = figure.entry
    prefix = prefix_of(study.entries(kind)[entry])
    columns = [columns[prefix + name] for name in SHOWN]
    *_, bound = columns
    if columns[0].name not in results.trajectories:
        return None
    rows = asked_for(results.trajectories, columns[0])
    page, by_condition = panels.panels_by_condition(list(dict.fromkeys(rows["condition"])), study)
    for name, axes in by_condition.items():
        of_condition = rows[rows["condition"] == name]
        for column, (_, look) in zip(columns, SHOWN.values(), strict=True):
            panels.draw_lines(
                axes, panels.shown(of_condition, column), look, "fraction", column, alpha=0.6
            )
            of_finished = panels.shown(
                panels.extended_to_the_end(panels.finished(of_condition)), column
            )
            if len(of_finished):
                panels.draw_mean(axes, of_finished, look, "fraction", column)
        if study.threshold_of(name):
            axes.axhline(study.threshold_of(name), zorder=1, **panels.THRESHOLD)
        axes.set(yscale="log", xlabel=FRACTION.label, ylabel="eigenvalue or bound")
        label_logarithmic(axes.yaxis)
        axes.label_outer()
    note = panels.left_out(rows, bound)
    panels.add_notes(page, note and f"{bound.label}: {note}", panels.diverged(rows, study))
    handles = [look.handle(label) for label, look in SHOWN.values()]
    panels.place_legend(
        page, [*handles, panels.threshold_handle(), *panels.cross_handles(rows, columns)]
    )
    return page


def caption_stability(study, figure):
    """Return the caption of what decides whether a rule's update is stable."""
    return f"""
        Whether a rule's update can be stable, one panel per condition: the largest eigenvalue of
        the Hessian, the size of the leading eigenvalue μ of the derivative of the rule's gradient
        with respect to the weights, and 2 / (learning rate × ρ), ρ being the part of the exact
        gradient that the rule follows. {about_entry(study, figure)} Descent by the rule is unstable
        where the size of μ is above 2 / learning rate, the dashed line. By the theorem of Liu et
        al. (2022) it is stable where the largest eigenvalue is below 2 / (learning rate × ρ); where
        ρ is not positive there is no such bound. Under BPTT, μ is the eigenvalue of the Hessian
        itself, and ρ is 1. {RUNS_AND_MEANS}"""


def about_entry(study, figure) -> str:
    """Return what a caption says of the block and the examples of a figure's entry."""
    kind, name = figure.entry
    entry = study.entries(kind)[name]
    return f"The block is {entry['block']}, on {entry['samples']} {entry['split']} examples."
