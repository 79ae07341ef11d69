"""Writers that are models: a face and its Action Units -> prose -> a verified trace.

    row -> question -> request -> reply -> verdict -> attempt -> outcome

`conversation` walks through that for one row, `stage` for all; `tag_plugin.asking` does the asking.
"""
