"""From the messages and the service table to what other languages need: `python -m gd2raft.rpc.codegen`.

    schema.py    messages as plain records, out of the msgspec structs     compatible.py  old schema -> what breaks older peers
    cddl.py      RFC 8610, for readers and for zcbor                       vectors.py     golden messages, hex
    page.py      the table of methods, Markdown                            c_tree.py      C: codecs (zcbor), framing and stubs (ours)
    zcbor.py     the tool, in an environment of its own                    output.py      files: write or compare

Nothing here is imported by a running daemon. It must not know what the messages mean, or which module declares them: that is
an argument.
"""
