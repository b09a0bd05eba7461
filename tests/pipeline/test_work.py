"""What a run says of facts that it does not know."""

from math import nan

from pogson.core.frame import Exposure, Site
from pogson.pipeline.work import unknown_facts
from pogson.steps.measure.budget import scintillation


def light(height=nan, diameter=0.5, source="SITELAT, SITELONG cards"):
    site = Site(20.0, 10.0, height)
    return Exposure(site=site, diameter=diameter, exptime=30.0, airmass=1.2, sources={"site": source})


def test_an_unknown_height_is_said_where_scintillation_is_in_the_errors():
    (line,) = unknown_facts([light(2000.0), light()])
    assert "the height of the site is not known (site: SITELAT, SITELONG cards)" in line
    assert "give [site] height" in line
    assert unknown_facts([light(2000.0)]) == []
    (line,) = unknown_facts([light(diameter=nan)])
    assert line.startswith("scintillation is not in the errors")


def test_at_2000_m_scintillation_is_22_percent_less_than_where_the_height_is_unknown():
    assert scintillation(light()) == scintillation(light(0.0))
    assert round(scintillation(light(2000.0)) / scintillation(light()), 2) == 0.78
