"""One module per parser.

fuzz(data)     lets the parser have `data`; returns whatever it refuses as it should, raises for everything else
seeds()        inputs to begin with, as a generator of bytes
WORDS          optional: byte strings that are worth inserting
"""
