//! What a push certificate (`git push --signed`) is worth, in git's terms (git-receive-pack(1)).

/// What GIT_PUSH_CERT_STATUS says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertStatus {
    /// Signed by a key that is the pusher's.
    Good,
    /// The signature is broken, or over something else.
    Bad,
    /// Signed by a key that is not the pusher's.
    Unknown,
    NotSigned,
    /// A kind of signature that is not checked here.
    Unchecked,
}

/// What GIT_PUSH_CERT_NONCE_STATUS says. UNSOLICITED and SLOP do not come up: where no nonce is given a certificate is
/// refused as it is read, and none counts but that of the same conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceStatus {
    Ok,
    Missing,
    /// Not the one that was given, or too old.
    Bad,
}
