"""Pictures with controls: what a notebook keeps of them."""

import base64
import json
import re

import altair as alt
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

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


def shown(picture):
    """Return what a page gets of a notebook with this picture."""
    data, metadata = picture._repr_mimebundle_()
    output = new_output("display_data", data, metadata=metadata)
    notebook = new_notebook(cells=[new_code_cell("picture", outputs=[output])])
    assert interactive.for_pages(notebook)
    assert interactive.MIME_TYPE not in notebook.cells[0].outputs[0].data
    return notebook.cells[0].outputs[0].data["text/html"]


def test_a_notebook_without_pictures_stays_as_it_is():
    notebook = new_notebook(cells=[new_code_cell("1", outputs=[new_output("stream", text="1")])])
    assert not interactive.for_pages(notebook)


def test_a_parameter_may_not_have_a_name_of_vegas():
    chart = alt.Chart(alt.Data(values=[{}])).mark_point().add_params(alt.param("padding", value=0))
    with pytest.raises(ValueError, match="fig-point: Vega has padding for itself"):
        Picture(chart, "fig-point", "A point.", "One point.").spec()


def test_the_page_gets_the_still_picture_and_the_chart(picture):
    page = shown(picture)
    assert '<figure class="picture" id="fig-point">' in page
    assert 'alt="One &quot;point&quot;."' in page
    assert '<span class="caption-text">A point &amp; more.</span></figcaption>' in page
    still = base64.b64decode(re.search(r"svg\+xml;base64,([^\"]+)", page)[1]).decode()
    assert still.startswith("<svg")
    # What the data hold does not end the script
    [spec] = re.findall(r'<script type="application/json">(.*?)</script>', page)
    assert json.loads(spec) == picture.spec() | {"$schema": f"{interactive.SCHEMA}/v6.json"}


def test_a_notebook_gets_a_form_for_each_place(picture):
    bundle, metadata = picture._repr_mimebundle_()
    assert "text/html" not in bundle  # which JupyterLab would prefer to what it draws alive
    assert bundle[interactive.MIME_TYPE]["$schema"].endswith("/v5.json")
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == 'A point & more. One "point".'
    assert metadata["picture"]["name"] == "fig-point"


def test_the_same_picture_gives_the_same_page(picture):
    assert shown(picture) == shown(picture)


def test_the_script_defines_what_the_page_calls():
    script = interactive.script()
    assert "window.vegaEmbed = " in script or "window.vegaEmbed=" in script
    assert "https://cdn" not in script
