"""The pictures of a series: the target, the stars that vary most, noise against magnitude."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from astropy.table import Row, Table

from pogson.core.columns import LIGHTCURVE
from pogson.core.flags import flag_names
from pogson.pipeline.report.format import with_error
from pogson.pipeline.report.page import Picture
from pogson.pipeline.series import Series
from pogson.pipeline.target import Study
from pogson.plots.lightcurve import plot_event, plot_folded, plot_light_curve
from pogson.plots.style import new_figure, to_png
from pogson.plots.variability import plot_noise
from pogson.steps.timeseries.variability import VARIES

SECTION = "Light curves"

LEGEND_ABOVE = (1.1, 1.0, 0.7, 0.9)  # inches around the axes

#: variables of each band that are drawn; of those in doubt one, where all are
FIRST = 4


def draw_series(
    series: Sequence[Series], studies: Mapping[str, Study] | None = None
) -> Iterator[tuple[str, Picture]]:
    """One picture for the target, the variables and the noise of each band."""
    for one in series:
        tag = f"_{one.band}" if len(series) > 1 else ""
        table = one.variability
        if studies and one.band in studies:
            yield f"lightcurve_target{tag}.png", _target(one, studies[one.band])
        ranked = table[(np.asarray(table["rank"]) > 0) & (np.asarray(table["excess"], float) > VARIES)]
        ranked.sort("rank")
        clear = ranked[np.asarray(ranked["flags"]) == 0]
        for row in clear[:FIRST] if len(clear) else ranked[:1]:
            star = int(row["star"])
            caption = f"It stands {row['excess']:.0f} sigma off the stars of its brightness."
            caption += f" In doubt: {flag_names(row['flags'])}." if row["flags"] else ""
            yield f"lightcurve_{star}{tag}.png", _light_curve(one, row, f"Rank {row['rank']}", caption)
            if np.isfinite(row["period"]):
                yield f"folded_{star}{tag}.png", _folded(one, row)
        figure = new_figure(9.2, 5.9, room=LEGEND_ABOVE)
        plot_noise(table, figure.axes[0])
        caption = "Scatter of each star and what its errors lead to expect; variables stand above the others."
        picture = Picture(SECTION, f"Noise and magnitude, band {one.band}", caption, to_png(figure))
        yield f"variability{tag}.png", picture


def _target(series: Series, study: Study) -> Picture:
    """The target with what was found, and the check star: what both show is not the target's."""
    name = study.name or f"star {series.ensemble.target}"
    title = f"Target: {name}, band {series.band}"
    event = study.event
    if event.kind == "none":
        figure = new_figure(9.8, 5.5, room=LEGEND_ABOVE)
        curve, raw = study.curve, None
        if "detrended_mag" in curve.colnames:
            curve, raw = curve.copy(), curve
            curve["mag"] = curve["detrended_mag"]
        plot_light_curve(curve, figure.axes[0], label=name, raw=raw)
        caption = "The target above, the check star below: what both show is not the target's."
        return Picture(SECTION, title, " ".join([caption, *study.lines]), to_png(figure))
    figure = new_figure(
        9.4, 7.0, nrows=2, room=(1.1, 1.4, 0.7, 0.4), gap=(0.0, 0.15), sharex=True, height_ratios=(3.2, 1.0)
    )
    mid, duration = np.nan, np.nan
    if event.transit is not None:
        mid, duration = event.transit.transit.time, event.transit.transit.duration
    elif event.minimum is not None:
        mid = event.minimum.time
    plot_event(study.curve, figure.axes, mid=mid, duration=duration, title=f"{name}: {event.kind}")
    return Picture(SECTION, title, "; ".join(study.lines), to_png(figure))


def _light_curve(series: Series, row: Row, title: str, caption: str) -> Picture:
    star = int(row["star"])
    figure = new_figure(9.8, 5.5, room=LEGEND_ABOVE)
    plot_light_curve(curve_of(series, star), figure.axes[0], label=f"star {star}")
    return Picture(SECTION, f"{title}: star {star}, band {series.band}", caption, to_png(figure))


def _folded(series: Series, row: Row) -> Picture:
    star = int(row["star"])
    best = series.periods[star]
    figure = new_figure(7.6, 4.7)
    plot_folded(curve_of(series, star), figure.axes[0], period=best.period, epoch=best.epoch)
    likely = [f"{a['period']:.5g} d ({a['kind']})" for a in best.aliases if a["likely"]]
    caption = (
        f"Period {with_error(best.period, best.period_err)} d ({best.method}), false-alarm probability "
        f"{best.fap:.1g} in white noise; phase 0 is the least light of the {best.method}."
        f"{' As likely: ' + ', '.join(likely) + '.' if likely else ''}"
    )
    return Picture(SECTION, f"Star {star} folded", caption, to_png(figure))


def curve_of(series: Series, star: int) -> Table:
    """LIGHTCURVE of one star, with the check star's magnitudes beside."""
    ensemble = series.ensemble
    curves = ensemble.curves
    k = curves.row(star)
    n = len(curves.time)
    check = {}
    if ensemble.check and ensemble.check != star:
        row = curves.row(ensemble.check)
        check = {"check_mag": ensemble.mag[row], "check_mag_err": ensemble.mag_err[row]}
    return LIGHTCURVE.table(
        star=np.full(n, star),
        frame=np.asarray(curves.frames["frame"], str),
        bjd_tdb=curves.time,
        mag=ensemble.mag[k],
        mag_err=ensemble.mag_err[k],
        flags=curves.flags[k],
        **check,
    )
