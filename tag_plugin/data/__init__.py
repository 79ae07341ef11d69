"""Images and labels on disk: the row schema, the benchmarks' layouts and the synthetic faces."""
