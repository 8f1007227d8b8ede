"""Pictures with controls: what a notebook keeps of them."""

import base64
import json
import re

import altair as alt
import pytest

from course import interactive
from course.interactive import Picture


@pytest.fixture(scope="module")
def picture():
    chart = (
        alt.Chart(alt.Data(values=[{"x": 1, "text": "</script>"}]))
        .mark_point()
        .encode(x="x:Q")
        .add_params(
            alt.param("size", value=2, bind=alt.binding_range(min=1, max=3, step=1)),
            alt.param("told", expr="'It is ' + size"),
        )
    )
    return Picture(chart, "fig-point", "A point & more.", 'One "point".')


def test_the_page_gets_the_still_picture_and_the_chart(picture):
    page = picture.to_html()
    assert '<figure class="picture" id="fig-point">' in page
    assert 'alt="One &quot;point&quot;."' in page
    assert '<span class="caption-text">A point &amp; more.</span></figcaption>' in page
    still = base64.b64decode(re.search(r"svg\+xml;base64,([^\"]+)", page)[1]).decode()
    assert still.startswith("<svg")
    # What the data hold does not end the script
    [spec] = re.findall(r'<script type="application/json">(.*?)</script>', page)
    assert json.loads(spec) == picture.spec()


def test_a_notebook_gets_a_form_for_each_place(picture):
    bundle, metadata = picture._repr_mimebundle_()
    assert bundle[interactive.MIME_TYPE]["$schema"].endswith("/v5.json")
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == 'A point & more. One "point".'
    assert metadata["picture"]["name"] == "fig-point"


def test_the_same_picture_gives_the_same_page(picture):
    assert picture.to_html() == picture.to_html()


def test_the_script_defines_what_the_page_calls():
    script = interactive.script()
    assert "window.vegaEmbed = " in script or "window.vegaEmbed=" in script
    assert "https://cdn" not in script
