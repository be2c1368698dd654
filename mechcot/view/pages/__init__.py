"""Pages: values in, one self-contained HTML file out."""
