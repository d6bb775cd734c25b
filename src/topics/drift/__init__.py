"""Whether a stream still looks like what a version was trained on."""
