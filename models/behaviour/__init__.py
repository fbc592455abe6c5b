"""What a visitor does: a partition's session events folded into rows of visits, timers of silence, and features.

`docs/fold.md` is the definition; each module here holds one idea of it, as small compiled functions on one row.
`fold` is the way in for records, `pass_time` for the passage of time, `feature_matrix` for what a row says. Whatever
a visit is remembered by is a column of `layout.SESSION_LAYOUT`; nothing is kept beside it.
"""
