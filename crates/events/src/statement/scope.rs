//! What a key may sign.

/// A word of `may` in the list of issuers. The list may name others, for gateways that know them:
/// here they allow nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerScope {
    /// Grants, and the end of a grant before its time.
    Grant,
    /// Requests.
    Request,
    /// What time it is, in answer to a gateway's challenge.
    Time,
    /// Whether a vendor's process may run.
    Vendor,
}

impl IssuerScope {
    /// Each that this build knows.
    pub const ALL: [Self; 4] = [Self::Grant, Self::Request, Self::Time, Self::Vendor];

    /// The word in the list.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Request => "request",
            Self::Time => "time",
            Self::Vendor => "vendor",
        }
    }
}
