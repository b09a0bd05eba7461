"""A finder chart of one frame, with the stars of Tycho-2 or of a catalogue of the user."""

from __future__ import annotations

from pathlib import Path

from pogson.core.errors import MatchError
from pogson.io.catalogs import read_catalog
from pogson.io.files import write_atomic
from pogson.io.hips import fetch_survey
from pogson.io.wcs import solution_cards
from pogson.pipeline.api import open_frame
from pogson.pipeline.settings import Settings
from pogson.pipeline.solve import hints_of, solve_by
from pogson.pipeline.solved import catalog_around, describe
from pogson.plots.finder import figure_finder
from pogson.plots.style import to_png
from pogson.steps.detect.find import detect_stars


def draw_finder(
    path: str, out: str, *, settings: Settings, catalog: str | None = None, survey: str | None = None
) -> None:
    """Solve a frame and draw it beside the catalogue's rendering of its field.

    Parameters
    ----------
    path, out : str
        Frame; picture to write.
    settings : Settings
        Of detection; facts of the camera.
    catalog : str, optional
        A catalogue file; Tycho-2 where not given.
    survey : str, optional
        Fetched over the network and drawn between the two: the place of the field is told, nothing else.

    Raises
    ------
    MatchError
        If the frame cannot be solved.
    ServiceError
        If the survey cannot be fetched.
    """
    frame = open_frame(path, settings)
    stars = detect_stars(frame, **settings.of("detect"))
    table = None if catalog is None else read_catalog(catalog, columns=settings.catalog_columns)
    try:
        solution = solve_by(stars, frame.exposure, hints_of(frame.exposure), table)
    except MatchError as error:
        raise MatchError(f"{path}: no chart without a place on the sky: {error}") from None
    picture = None
    if survey is not None:
        s = solution
        cards = solution_cards(s.wcs, rms=s.rms, n=s.n, log_odds=s.log_odds, catalog="")
        picture = (survey, fetch_survey(cards, frame.shape, survey=survey))
    known = catalog_around(describe(path, frame.shape, solution, ""), frame.exposure, table)
    figure = figure_finder(frame, solution.wcs, known, title=Path(path).name, survey=picture)
    write_atomic(out, to_png(figure))
