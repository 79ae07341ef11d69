"""`tag-plugin look`: from a photograph to an answer that one can check.

Each face of a photograph becomes a face frame; the model is asked the one question of its training,
in its own box frame; the detector measures the same frame; and every claim of the trace is shown as
confirmed, contradicted or not measurable. A detector's measurement is evidence about muscles, not
about what anybody feels.
"""
