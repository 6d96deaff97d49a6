//! Signed statements: what an issuer says so that a gateway believes it.
