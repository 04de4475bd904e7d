"""A group that no marker set fits has no hint, in the page and in the numbers."""

import numpy as np
import pandas as pd
from helpers.finished import finished_sample
from scrna.report import render
from scrna.summary import summarize, to_document


def test_a_group_without_a_fitting_set_has_a_dash_and_no_question(tmp_path) -> None:
    adata = finished_sample((20, 20))
    adata.uns["cell_type_hints"] = pd.DataFrame(
        {
            "group": ["0", "1"],
            "cell_type": ["Planted", ""],
            "score": [1.5, -0.5],
            "second": ["", ""],
            "second_score": [np.nan, np.nan],
        }
    )
    adata.write_h5ad(tmp_path / "a.h5ad")
    numbers = summarize(adata, "s")
    page = render(adata, numbers)

    assert page.count("Planted?") == 2
    assert ">?<" not in page
    assert page.count('<td class="long">\N{EN DASH}</td>') == 2
    assert to_document(numbers)["hints"][1]["cell_type"] == ""
