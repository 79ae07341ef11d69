"""Writers that are models: a face and its Action Units -> prose -> a verified trace.

    row -> question -> request -> (journal or endpoint) -> reply -> verdict -> attempt -> outcome

`author` walks through that for one row, `open` puts the parts together for a whole stage.
"""
