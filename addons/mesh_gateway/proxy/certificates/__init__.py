"""Which certificate does a client get, and how does it come from files that others write? (CONTRACT part 8)

`places` finds pairs of files, `pair` reads and checks one, `shelf` keeps what serves while others come and go, `table`
answers which one a client gets, `watch` looks at the files in a thread of its own.
"""
