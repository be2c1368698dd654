"""One figure a file: a pure function from a value to a `plotly.graph_objects.Figure`."""
