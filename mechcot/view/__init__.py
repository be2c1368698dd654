"""Values in, pictures and pages out: plotly and jinja2 live here and only here."""
