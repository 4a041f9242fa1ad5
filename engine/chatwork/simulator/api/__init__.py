"""The 32 operations of REST API v2: one function each, from a call to an answer, without I/O."""
