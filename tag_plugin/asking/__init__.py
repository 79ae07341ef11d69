"""One way to ask a model behind an OpenAI-compatible endpoint.

    request -> (table of paid replies, or: limits -> client -> endpoint -> table) -> reply

`session` opens all of it for a run; the trace writer and the preference study both use it.
"""
